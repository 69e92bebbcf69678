"""The checkpoints this package knows: licence, size, memory and, for depth, variant and range.

Licences are those of the authors' own README, not of the hub's tag, which has been seen to
contradict it (Depth Anything V2 Base and Large are non-commercial, whatever the tag says):

- Depth Anything V2: https://github.com/DepthAnything/Depth-Anything-V2, section LICENSE
- SmolVLM2: model cards of HuggingFaceTB
- D-FINE: https://github.com/Peterande/D-FINE, RT-DETR: https://github.com/lyuwenyu/RT-DETR

The four `world-…` checkpoints come with the package (`smolvlm_ros/world/checkpoints/`), made by
`smolvlm_ros.world.training`. They know the embedded world and nothing else; see `models.embedded`.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

APACHE = "Apache-2.0"
CC_BY_NC = "CC-BY-NC-4.0"
UNKNOWN_LICENCE = "unknown"
DEFAULT_DETECTOR = "d-fine-n"  # of the detectors' kind 'onnx' where no model is set
# What config.json of a checkpoint trained on the embedded world has as true: a copy in another
# folder is still known by it.
WORLD_KEY = "smolvlm_ros_world"

# Depth Anything V2: width of the vision transformer by size. It tells a copy under another name.
_DEPTH_WIDTHS = {384: "small", 768: "base", 1024: "large", 1536: "giant"}


class Task(str, Enum):
    """What a checkpoint is for."""

    DEPTH = "depth"
    DETECTION = "detection"
    VLM = "vlm"


# Architectures of the embedded world's checkpoints, as config.json names them.
_WORLD_TYPES = {"depth_anything": Task.DEPTH, "d_fine": Task.DETECTION, "smolvlm": Task.VLM}


@dataclass(frozen=True)
class KnownCheckpoint:
    """One checkpoint.

    Attributes:
        name: short name, unique: 'depth-anything-v2-metric-indoor-small'.
        task: what it is for.
        hub_id: 'owner/name' on the Hugging Face hub; empty for one that comes with the package.
        licence: SPDX identifier, from the authors' README.
        commercial: True when the licence allows commercial use.
        parameters_million: size in millions of parameters.
        memory_mib: peak memory of a process that runs it, MiB, as measured on a CPU; 0 where
            nobody measured it yet.
        memory_note: what was measured.
        smaller: name of the next smaller choice, empty for none.
        variant: depth only: 'indoor' or 'outdoor'.
        max_depth_m: depth only: the range it was trained for, in metres.
        revision: commit on the hub that is fetched, 40 hexadecimal digits; a hub's branch may move.
        weights_sha256: of that commit's `model.safetensors`; empty where it is not known.
        part: for one that comes with the package: its folder in `world/checkpoints`. It is for the
            embedded world only.
    """

    name: str
    task: Task
    hub_id: str
    licence: str
    commercial: bool
    parameters_million: float
    memory_mib: int = 0
    memory_note: str = ""
    smaller: str = ""
    variant: str = ""
    max_depth_m: float = 0.0
    revision: str = ""
    weights_sha256: str = ""
    part: str = ""

    @property
    def embedded(self) -> bool:
        """True for one that was trained on the embedded world, and is of use nowhere else."""
        return bool(self.part)

    @property
    def parameters(self) -> int:
        """Their number, near enough to tell how much memory they take."""
        return int(self.parameters_million * 1e6)

    @property
    def source(self) -> str:
        """Where it comes from, as exported files say it: the hub id, or the short name."""
        return self.hub_id or self.name


def _depth(size: str, scene: str, parameters_million: float, smaller: str, revision: str,
           weights_sha256: str) -> KnownCheckpoint:
    stem = f"depth-anything-v2-metric-{scene}"
    free = size == "small"
    return KnownCheckpoint(
        name=f"{stem}-{size}", task=Task.DEPTH,
        hub_id=f"depth-anything/Depth-Anything-V2-Metric-{scene.title()}-{size.title()}-hf",
        licence=APACHE if free else CC_BY_NC, commercial=free,
        parameters_million=parameters_million,
        memory_mib=451 if free else 0,
        memory_note="ONNX Runtime, fp32, 518x686" if free else "",
        smaller=f"{stem}-{smaller}" if smaller else "", variant=scene,
        max_depth_m={"indoor": 20.0, "outdoor": 80.0}[scene], revision=revision,
        weights_sha256=weights_sha256)


CHECKPOINTS: tuple[KnownCheckpoint, ...] = (
    _depth("small", "indoor", 24.8, "", "8078d68a9c75a972131914f6afd0c1723be0da7f",
           "e990eb82fbf11b05b7813261196a2b841bdcf5a05f64396724a8987fa90504a3"),
    _depth("base", "indoor", 97.5, "small", "c6d9784685727bfc6d0a7b5452ce94afaee1e7f5",
           "8b902f5d9a8c8a9520f3a8c6a00afe442b464eff5aaf0cb405d1da721cd9f79f"),
    _depth("large", "indoor", 335.3, "base", "d2fc6a93601aabb1139a3bf0ebfcb4e89c67817f",
           "04d3295ff4f9cbee72b8998a85930fe870b45ba4431e7af47415fbded02388ca"),
    _depth("small", "outdoor", 24.8, "", "fd2c22027eaf20374204f14099b8341e1925ad39",
           "ad065c77a7421ca55159a1f0db9433397a607690f2d76bb8a6fc54b1be7a3124"),
    _depth("base", "outdoor", 97.5, "small", "5b575fded0346068343a6d96d0ce3ab6dbc9fb49",
           "1f2e9ed13ee39126686994669f8d1bfd9cd8f093a4d2a0891e5a0e5263b480c9"),
    _depth("large", "outdoor", 335.3, "base", "4eab4cf1983c2801c515804005214de56a4b67cc",
           "15f7de4b22f1b1194847ea694ee9ed6395563ba5cd52b70b87901f183c232c9a"),
    KnownCheckpoint("smolvlm2-256m", Task.VLM, "HuggingFaceTB/SmolVLM2-256M-Video-Instruct",
                    APACHE, True, 256, 906, "torch, bf16; fp32 takes 1468",
                    revision="067788b187b95ebe7b2e040b3e4299e342e5b8fd"),
    KnownCheckpoint("smolvlm2-500m", Task.VLM, "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
                    APACHE, True, 500, 1386, "torch, bf16; fp32 takes 2422", "smolvlm2-256m",
                    revision="7b375e1b73b11138ff12fe22c8f2822d8fe03467"),
    KnownCheckpoint("smolvlm2-2.2b", Task.VLM, "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
                    APACHE, True, 2200, 4720, "torch, bf16", "smolvlm2-500m",
                    revision="482adb537c021c86670beed01cd58990d01e72e4"),
    KnownCheckpoint(
        "d-fine-n", Task.DETECTION, "ustc-community/dfine-nano-coco", APACHE, True, 3.8,
        revision="066438d3d8f0da137a37b38fdf3368fd4afceced",
        weights_sha256="19e06bdc873da819920a8d373b879721a5b9759d822f8213220bb09abbdab58b"),
    KnownCheckpoint(
        "d-fine-s", Task.DETECTION, "ustc-community/dfine-small-coco", APACHE, True, 10.4,
        smaller="d-fine-n", revision="f79e65b5fbb33ceb9d3ebba042955d7410c608f8",
        weights_sha256="a144baff3a27bfd538fe37b11fa8d4fca5744b8c054b5301e7c699a1379cd18f"),
    KnownCheckpoint(
        "rt-detr-v2-r18", Task.DETECTION, "PekingU/rtdetr_v2_r18vd", APACHE, True, 20.0,
        smaller="d-fine-s", revision="5650961749fa93567c0d46fc7f43ea4f9e914107",
        weights_sha256="d18309d0d7ea57048138885c4c6ecfcb1e24506fc6153b94ad484f8ab62c7115"),
    KnownCheckpoint("world-depth-indoor", Task.DEPTH, "", APACHE, True, 2.2, variant="indoor",
                    max_depth_m=20.0, part="depth-indoor"),
    KnownCheckpoint("world-depth-outdoor", Task.DEPTH, "", APACHE, True, 2.2, variant="outdoor",
                    max_depth_m=80.0, part="depth-outdoor"),
    KnownCheckpoint("world-detector", Task.DETECTION, "", APACHE, True, 1.4, part="detector"),
    KnownCheckpoint("world-vlm", Task.VLM, "", APACHE, True, 3.6, part="vlm"),
)


def named(name: str) -> KnownCheckpoint | None:
    """The checkpoint of that short name or hub id (upper or lower case); None when not known."""
    wanted = name.strip().lower()
    return next((c for c in CHECKPOINTS if wanted and wanted in (c.name, c.hub_id.lower())), None)


def find(name: str, config: Mapping[str, Any] | None = None) -> KnownCheckpoint | None:
    """The checkpoint of that name, or the one its configuration shows it to be.

    One of the embedded world is told by a mark in its configuration, a metric Depth Anything V2 by
    its width and range, so that a copy in a folder of another name stays what it is.

    Args:
        name: short name, hub id, or the name of a folder.
        config: the object of its config.json, when there is one.

    Returns:
        None for one that is not known.
    """
    config = config or {}
    return _of_the_world(config) or _depth_by_shape(config) or named(name)


def _of_the_world(config: Mapping[str, Any]) -> KnownCheckpoint | None:
    task = _WORLD_TYPES.get(str(config.get("model_type")))
    if task is None or config.get(WORLD_KEY) is not True:
        return None
    return next((c for c in CHECKPOINTS if c.embedded and c.task is task and (
        task is not Task.DEPTH or c.max_depth_m == config.get("max_depth"))), None)


def _depth_by_shape(config: Mapping[str, Any]) -> KnownCheckpoint | None:
    backbone = config.get("backbone_config")
    if config.get("model_type") != "depth_anything" or not isinstance(backbone, Mapping):
        return None
    width = backbone.get("hidden_size")
    size = _DEPTH_WIDTHS.get(width) if isinstance(width, int) else None
    return next((c for c in CHECKPOINTS if c.task is Task.DEPTH and c.name.endswith(f"-{size}")
                 and c.max_depth_m == config.get("max_depth")), None)
