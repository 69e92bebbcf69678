"""The licence that another exporter wrote into an ONNX file."""
from __future__ import annotations

from collections.abc import Mapping

from smolvlm_ros.models.registry import UNKNOWN_LICENCE

AGPL = "AGPL-3.0"


def stated_licence(entries: Mapping[str, str]) -> str:
    """The licence of a file's metadata, 'unknown' when it names none.

    Whatever Ultralytics exports (YOLOv5, v8, 11) is under the AGPL, whether it says so or not.
    """
    said = " ".join(entries.get(key, "") for key in ("license", "licence", "author", "description"))
    if "AGPL" in said.upper() or "ultralytics" in said.lower():
        return AGPL
    return (entries.get("license") or entries.get("licence") or UNKNOWN_LICENCE)[:80]
