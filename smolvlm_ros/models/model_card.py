"""What a checkpoint's own README says of its licence."""
from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from smolvlm_ros.models.errors import LicenceError
from smolvlm_ros.models.registry import UNKNOWN_LICENCE, KnownCheckpoint
from smolvlm_ros.models.stated_licence import allows_commercial, is_agpl, is_refused

_MOST_BYTES = 1 << 20
_HEAD = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def card_licence(folder: str | Path) -> str:
    """The licence in the front matter of a folder's README.md; 'unknown' when it names none."""
    import yaml

    try:
        with open(Path(folder) / "README.md", encoding="utf-8", errors="replace") as stream:
            head = _HEAD.match(stream.read(_MOST_BYTES))
        entries = yaml.safe_load(head.group(1)) if head else None
    except (OSError, yaml.YAMLError):
        return UNKNOWN_LICENCE
    if not isinstance(entries, Mapping):
        return UNKNOWN_LICENCE
    said = entries.get("license")
    if said == "other":  # the hub's word for one that it has no short name for
        said = entries.get("license_name", said)
    if isinstance(said, list):  # several: one that forbids is enough
        said = ", ".join(str(one) for one in said)
    return said[:80] if isinstance(said, str) and said.strip() else UNKNOWN_LICENCE


def weights_licence(folder: str | Path, known: KnownCheckpoint | None,
                    digest: str) -> tuple[str, bool | None]:
    """The licence of a folder's weights, and whether it allows commercial use.

    A card's refusal (no commercial use, or the AGPL) is believed, whatever the folder is called; so
    is the registry's of what has the shape of a non-commercial one. A permission is believed where
    the registry holds these very weights, or they are of the embedded world, and nowhere else.

    Args:
        folder: with its README.md, where it has one.
        known: what the folder looks like by its name or its configuration; None for nothing known.
        digest: SHA-256 of its weights.

    Returns:
        The licence, 'unknown' when nothing says; and None where nobody knows what it allows.
    """
    stated = card_licence(folder)
    if is_refused(stated):
        return stated, False
    if known is not None and (not known.commercial or known.embedded
                              or (known.weights_sha256 and digest == known.weights_sha256)):
        return known.licence, known.commercial
    return stated, None


def require_commercial(folder: str | Path, name: str, allow: str) -> None:
    """Refuse weights whose card forbids commercial use.

    Args:
        folder: with its README.md.
        name: of the checkpoint or adapter, for the error.
        allow: what allows it, for the error.

    Raises:
        LicenceError: the card forbids it.
    """
    licence = card_licence(folder)
    if not allows_commercial(licence):
        raise LicenceError(f"{name} is licensed {licence}: no commercial use; use another one, or "
                           f"set {allow}")


def refuse_agpl(folder: str | Path, name: str) -> None:
    """Refuse weights whose card names the AGPL, where no setting allows it.

    Args:
        folder: with its README.md.
        name: of the checkpoint or adapter, for the error.

    Raises:
        LicenceError: the card names it.
    """
    licence = card_licence(folder)
    if is_agpl(licence):
        raise LicenceError(f"{name} is licensed {licence}: its terms reach the software around it; "
                           "use another one")
