"""Licences as people and other exporters write them: what is stated, and what it allows."""
from __future__ import annotations

import re
from collections.abc import Mapping

from smolvlm_ros.models.registry import UNKNOWN_LICENCE

AGPL = "AGPL-3.0"
_AGPL = re.compile(r"agpl|affero", re.IGNORECASE)
_NONCOMMERCIAL = re.compile(r"(?<![a-z])(nc(?![a-z])|non[ _-]?commercial|research(?![a-z]))",
                            re.IGNORECASE)


def stated_licence(entries: Mapping[str, str]) -> str:
    """The licence of a file's metadata, 'unknown' when it names none.

    Whatever Ultralytics exports (YOLOv5, v8, 11) is under the AGPL, whether it says so or not.
    """
    said = " ".join(entries.get(key, "") for key in ("license", "licence", "author", "description"))
    if is_agpl(said) or "ultralytics" in said.lower():
        return AGPL
    return (entries.get("license") or entries.get("licence") or UNKNOWN_LICENCE)[:80]


def is_agpl(licence: str) -> bool:
    """True for the AGPL, whose terms reach the software around the weights."""
    return bool(_AGPL.search(licence))


def is_refused(licence: str) -> bool:
    """True for a licence that says itself that a product may not have it: no commercial use, or
    the AGPL."""
    return is_agpl(licence) or not allows_commercial(licence)


def allows_commercial(licence: str) -> bool:
    """False for a licence whose name forbids commercial use: 'CC-BY-NC-4.0', 'research only'.

    A name that does not is no permission: cards have been seen to contradict their authors. For
    'unknown' whoever asks has to tell the user that nobody knows.
    """
    return not _NONCOMMERCIAL.search(licence)
