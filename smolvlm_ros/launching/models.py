"""The launch argument `models`: which models all stages run, set over the parameter file."""
from __future__ import annotations

import tempfile
from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument

from smolvlm_ros.launching.parameter_file import write_with_values
from smolvlm_ros.models.choice import (
    HELP,
    PARAMS,
    Parameters,
    embedded_in,
    merged,
    parameters,
    resolve,
)
from smolvlm_ros.models.errors import ModelError

ARGUMENT = "models"


def models_argument(default: str) -> DeclareLaunchArgument:
    """Declare the argument."""
    return DeclareLaunchArgument(ARGUMENT, default_value=default,
                                 description=HELP[0].upper() + HELP[1:] + ".")


def choose_models(context: LaunchContext, source: str, world: Parameters, frame_id: str = ""
                  ) -> None:
    """Decide `models` for a source, and write the parameter file that says so.

    The launch configurations `models` and `params_file` hold the outcome.

    Args:
        context: of the launch.
        source: as video_source takes it; empty where the images come from elsewhere: then 'auto'
            leaves everything to the parameter file, and checkpoints of the embedded world are
            warned of, since only the nodes see whether its frames come.
        world: further values by node, from the embedded world that is played.
        frame_id: of the source's frames, where it is a recording.

    Raises:
        RuntimeError: an unknown word, an incomplete folder, or checkpoints of the embedded world
            on a source that is neither the embedded world nor a recording of it.
    """
    values = context.launch_configurations
    try:
        if source:
            choice = resolve(values[ARGUMENT], source, frame_id)
            if choice.note:
                _say(choice.note)
            chosen = choice.parameters()
        else:
            chosen = parameters(values[ARGUMENT])
            foreign = embedded_in(values[ARGUMENT])
            if foreign:
                _say(f"{ARGUMENT}:={values[ARGUMENT]} ({', '.join(foreign)}) know the embedded "
                     "world only: every frame of a real camera will be refused, as an error in "
                     f"/diagnostics. For a camera {ARGUMENT}:=hub, none, or a folder of your own")
    except ModelError as error:
        raise RuntimeError(f"{ARGUMENT}: {error}") from error
    everything = merged(chosen, world)
    if everything:
        values["params_file"] = _written(values["params_file"], everything)
        values[ARGUMENT] = PARAMS  # which says it from here on


def _written(source: str, values: Parameters) -> str:
    # Kept after the launch as launch_ros keeps its own: a node that is respawned reads it again.
    folder = Path(tempfile.mkdtemp(prefix="smolvlm_ros_"))
    try:
        return str(write_with_values(source, values, folder / Path(source).name))
    except ValueError as error:
        raise RuntimeError(f"params_file: {error}") from error


def _say(text: str) -> None:
    from launch.logging import get_logger

    get_logger("smolvlm_ros").warning(text)
