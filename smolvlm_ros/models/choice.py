"""Which models all stages run, said in one word.

    values = resolve("auto", "world:room?seed=3").parameters()
    values["depth"]["model_indoor"]      # 'world-depth-indoor'

- `embedded`: the checkpoints that come with the package, for the embedded world only;
- `hub`: the real ones of the registry, fetched where they are not on this machine;
- `none`: no weights at all: depth of flat ground, people by OpenCV, no answers;
- a folder with depth-indoor/, depth-outdoor/, detector/ and vlm/, laid out as the embedded ones;
- `params`: what the parameter file says;
- `auto`: `embedded` for a `world:` source, `params` for any other.
"""
from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from smolvlm_ros.models.checkpoint import read_json
from smolvlm_ros.models.embedded import is_installed, is_of_the_world
from smolvlm_ros.models.errors import CheckpointError
from smolvlm_ros.models.pip_packages import EXPORT, install
from smolvlm_ros.models.registry import CHECKPOINTS, KnownCheckpoint, find

AUTO, EMBEDDED, HUB, NONE, PARAMS = "auto", "embedded", "hub", "none", "params"
WORDS = (EMBEDDED, HUB, NONE, PARAMS, AUTO)
HELP = ("the models of all stages: embedded (those of the package, for the embedded world only), "
        "hub (real ones, fetched where they are missing), none (no weights), params (as the "
        "parameter file says), or a folder with depth-indoor, depth-outdoor, detector and vlm; "
        "auto is embedded for a world: source and params for any other")
_TRAINED_ON_IMAGES_STD = 0.1   # of a monocular network's scale
_WORLD_MIN_SCORE = 0.5         # halves the false boxes of the default, and loses few true ones
_LIBRARIES = ("torch", "transformers", "onnx", "onnxruntime")

# Of the nodes, by name: parameter and value.
Parameters: TypeAlias = dict[str, dict[str, Any]]

# No weights at all, and what has to change together.
_NOTHING: Parameters = {
    "depth": {"estimator": "ground_plane"}, "fusion": {"depth_anchor": "contact"},
    "detector": {"kind": "hog_regions"}, "scene_qa": {"engine.model": NONE}}
_TOGETHER = {"depth": ("depth", "fusion")}


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        models: 'embedded', 'hub', 'none', 'params' or a folder.
        note: what a person should know about it; empty for nothing.
        without: nodes that do without weights, because this installation lacks their embedded
            checkpoints; only 'auto' accepts that.
    """

    models: str
    note: str = ""
    without: tuple[str, ...] = ()

    def parameters(self) -> Parameters:
        """What the choice sets, by node."""
        values = parameters(self.models)
        for node in self.without:
            values = merged({**values, node: {}}, {
                other: _NOTHING[other] for other in _TOGETHER.get(node, (node,))})
        return values


def resolve(models: str, source: str, frame_id: str = "") -> Choice:
    """The choice for a source, with 'auto' decided.

    Args:
        models: one of WORDS, or a folder.
        source: as video_source takes it.
        frame_id: of its frames, where it is a recording; by it one of the embedded world is known.

    Raises:
        CheckpointError: an unknown word, an incomplete folder, or checkpoints of the embedded world
            on a source that is neither the embedded world nor a recording of it.
    """
    world = source.partition("?")[0].partition(":")[0] == "world"
    if models == AUTO:
        if not world:
            return Choice(PARAMS)
        missing = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
        if missing:
            return Choice(NONE, f"{' and '.join(missing)} not installed, so the embedded "
                          "checkpoints stay unused and scene_qa has no model: depth is that of "
                          "flat ground, people are found by OpenCV, every verdict is UNSURE. "
                          f"With a ROS of your own {install((*EXPORT, 'onnxruntime'))}. Without "
                          "one, make demo brings them, unless VLM=0 is given")
        return _installed(source)
    foreign = embedded_in(models)  # refuses an unknown word for the world too
    if foreign and not world and not is_of_the_world(frame_id):
        raise CheckpointError(f"models {models!r} ({', '.join(foreign)}) know the embedded world "
                              f"only, and {source!r} is not it: their answers on a real camera "
                              "would be worth nothing. Use models hub, none, or a folder of your "
                              "own; or a world: source, or a recording of one")
    return Choice(models)


def _installed(source: str) -> Choice:
    """The embedded checkpoints that this installation has; the other nodes do without."""
    outdoor = source.partition("?")[0].partition(":")[2] == "path"
    needed = {"depth": "depth-outdoor" if outdoor else "depth-indoor", "detector": "detector",
              "scene_qa": "vlm"}
    lacking = {node: known.name for node, part in needed.items() for known in _parts()
               if known.part == part and not is_installed(known)}
    if not lacking:
        return Choice(EMBEDDED)
    return Choice(EMBEDDED, f"this installation lacks {', '.join(lacking.values())}; "
                  f"done without weights: {', '.join(lacking)}", tuple(lacking))


def embedded_in(models: str) -> list[str]:
    """Names of the checkpoints of the embedded world that a choice runs.

    Raises:
        CheckpointError: an unknown word or an incomplete folder.
    """
    if models == EMBEDDED:
        return [known.name for known in _parts()]
    if models in WORDS:
        return []
    found = [find("", read_json(folder / "config.json")) for folder in _folders(models).values()]
    return [known.name for known in found if known is not None and known.embedded]


def parameters(models: str) -> Parameters:
    """What a choice sets, by node; nothing for 'params', and for 'auto' that no source decides.

    Raises:
        CheckpointError: an unknown word or an incomplete folder.
    """
    if models in (PARAMS, AUTO):
        return {}
    if models == NONE:
        return merged(_NOTHING)
    if models == HUB:
        return _networks("depth-anything-v2-metric-indoor-small",
                         "depth-anything-v2-metric-outdoor-small", "d-fine-n",
                         {"engine.model": AUTO, "engine.allow_download": True})
    if models == EMBEDDED:
        values = {known.part: known.name for known in _parts()}
    else:
        values = {part: str(folder) for part, folder in _folders(models).items()}
    return _networks(values["depth-indoor"], values["depth-outdoor"], values["detector"],
                     {"engine.model": values["vlm"]}, bool(embedded_in(models)))


def merged(*parts: Parameters) -> Parameters:
    """All of them, later ones winning."""
    result: Parameters = {}
    for part in parts:
        for node, values in part.items():
            result[node] = {**result.get(node, {}), **values}
    return result


def _networks(indoor: str, outdoor: str, detector: str, scene_qa: dict[str, Any],
              world: bool = False) -> Parameters:
    # In the world everything stands on the floor, and a small network knows the floor better
    # than the outlines of what stands on it.
    anchor = "floor" if world else "surface"
    return {"depth": {"estimator": "depth_anything_v2", "model_indoor": indoor,
                      "model_outdoor": outdoor},
            "fusion": {"depth_anchor": anchor, "depth_std_rel": _TRAINED_ON_IMAGES_STD},
            "detector": {"kind": "onnx", "model": detector,
                         **({"min_score": _WORLD_MIN_SCORE} if world else {})},
            "scene_qa": scene_qa}


def _parts() -> tuple[KnownCheckpoint, ...]:
    return tuple(known for known in CHECKPOINTS if known.embedded)


def _folders(models: str) -> dict[str, Path]:
    """The folder of each part."""
    top = Path(models).expanduser()
    if not top.is_dir():
        raise CheckpointError(f"models {models!r} is not one of {', '.join(WORDS)}, and no folder "
                              "either; give one of these")
    folders = {known.part: top / known.part for known in _parts()}
    missing = [part for part, folder in folders.items() if not (folder / "config.json").is_file()]
    if missing:
        raise CheckpointError(f"{models} lacks {', '.join(missing)}; a folder of models holds "
                              f"{', '.join(folders)}, each with config.json and *.safetensors")
    return folders

