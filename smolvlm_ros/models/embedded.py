"""The checkpoints of the embedded world: where they lie, and that they see nothing but that world.

They were trained on drawn pictures. On a real camera their answers would look like answers and be
worth nothing, so every stage that runs one refuses frames of any other origin. The mark of origin
is the frame_id: the embedded world's source gives its frames an optical frame of this name, the
header goes through the funnel unchanged, and a recording of it keeps it. A topic beside the images
could be late, stale or from another camera; the frame_id is part of each image.
"""
from __future__ import annotations

from pathlib import Path

from smolvlm_ros.models.errors import CheckpointError, ModelError
from smolvlm_ros.models.registry import KnownCheckpoint, named

WORLD_FRAME_ID = "embedded_world_optical_frame"
CHECKPOINTS_FOLDER = Path(__file__).resolve().parents[1] / "world" / "checkpoints"


class ForeignFrame(ModelError):  # noqa: N818 - the frame is refused, nothing has failed
    """A frame that does not come from the embedded world met a checkpoint that knows no other."""


def folder_of(known: KnownCheckpoint) -> Path:
    """The folder of a checkpoint that comes with the package.

    Raises:
        CheckpointError: when this installation lacks it.
    """
    folder = CHECKPOINTS_FOLDER / known.part
    if not is_installed(known):
        raise CheckpointError(f"{known.name} is not in {folder}: this installation lacks the "
                              "embedded checkpoints; install the package again, or make it with "
                              f"'python -m smolvlm_ros.world.training {known.part}'")
    return folder


def is_installed(known: KnownCheckpoint) -> bool:
    """True when this installation has that checkpoint."""
    return (CHECKPOINTS_FOLDER / known.part / "config.json").is_file()


def is_of_the_world(frame_id: str) -> bool:
    """True for a frame of the embedded world, with or without a prefix ('robot1/…')."""
    return frame_id.rpartition("/")[2] == WORLD_FRAME_ID


def is_embedded(source: str) -> bool:
    """True for a checkpoint of that name or origin, as an exported file tells it."""
    known = named(source)
    return known is not None and known.embedded


def require_world(checkpoint: str, frame_id: str) -> None:
    """Refuse a real camera's frame; to be called only for an embedded checkpoint.

    Args:
        checkpoint: its name.
        frame_id: of the image's header.

    Raises:
        ForeignFrame: saying what to use instead.
    """
    if not is_of_the_world(frame_id):
        raise ForeignFrame(f"{checkpoint} knows the embedded world only, and this frame is of "
                           f"{frame_id!r}: nothing is answered about it. For a real camera use "
                           "models:=hub, or set a checkpoint of your own")
