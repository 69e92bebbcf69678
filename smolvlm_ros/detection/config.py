"""The detector's settings."""
from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

from smolvlm_ros.accelerator.config import AcceleratorConfig
from smolvlm_ros.models.registry import DEFAULT_DETECTOR
from smolvlm_ros.settings import Settings, group, setting

KINDS = ("hog_regions", "hog", "regions", "onnx")


@dataclass(frozen=True)
class HogConfig(Settings):
    """OpenCV's people detector: histograms of oriented gradients and a linear SVM."""

    work_height_px: int = setting(
        0, "Image height at which people are searched. A person must be at least 96 of these "
        "pixels tall to be found. The time grows with its square. 0 takes half of the image's "
        "height within 216 to 320; an image is never enlarged.", unit="px", ge=0, le=2160,
        runtime=True)
    border_ratio: float = setting(
        0.22, "Border put around the image, as a share of its height, so that people who fill the "
        "image or are cut by its edge are found.", ge=0.0, le=0.5, runtime=True)
    stride_px: int = setting(8, "Step of the search window.", unit="px", choices=(4, 8, 16),
                             runtime=True)
    scale_step: float = setting(1.05, "Ratio between two sizes of the search window.", ge=1.01,
                                le=1.5, runtime=True)
    min_margin: float = setting(0.0, "Least SVM margin of a search window.", ge=-1.0, le=3.0,
                                runtime=True)
    max_iou: float = setting(0.45, "Of two persons that overlap more (intersection over union), "
                             "the better one stays.", ge=0.0, le=1.0, runtime=True)
    max_inside: float = setting(
        0.7, "A box of which a greater share lies inside a larger person is taken for a part of it "
        "and dropped.", ge=0.0, le=1.0, runtime=True)


@dataclass(frozen=True)
class RegionsConfig(Settings):
    """Moving regions as objects of the class `moving`."""

    min_area_ratio: float = setting(
        0.001, "Smaller regions are left out; share of the image's area.", ge=0.0, le=1.0,
        runtime=True)
    half_score_area_ratio: float = setting(
        0.01, "Area at which a region's score is 0.5; share of the image's area.", ge=1e-5, le=1.0,
        runtime=True)
    explained_ratio: float = setting(
        0.5, "A region of which at least this share lies in persons is part of them and not "
        "`moving`.",
        ge=0.0, le=1.0, runtime=True)
    tighten_iou: float = setting(
        0.5, "A person's box takes the bounds of the moving region that overlaps it at least this "
        "well (intersection over union).",
        ge=0.1, le=1.0, runtime=True)


@dataclass(frozen=True)
class OnnxConfig(AcceleratorConfig):
    """D-FINE, RT-DETR or YOLOX through ONNX Runtime."""

    max_objects: int = setting(100, "Most detections of an image, the best ones.", ge=1, le=1000,
                               runtime=True)
    max_iou: float = setting(
        0.7, "Of two boxes that overlap more (intersection over union), whatever their classes, "
        "the better one stays; 1 keeps both.", ge=0.1, le=1.0, runtime=True)
    nms_iou: float = setting(
        0.45, "The same for two boxes of one class of a network that finds each object many times "
        "(YOLOX).", ge=0.1, le=1.0, runtime=True)
    labels: tuple[str, ...] = setting(
        (), "Class names by id, of a YOLOX file that does not name them; empty takes COCO's for "
        "one of 80 classes.", le=10000)


@dataclass(frozen=True)
class DetectorConfig(Settings):
    """Which detector runs, and what of its answer is kept."""

    kind: str = setting(
        "hog_regions", "`hog`: people; `regions`: what the gate saw move, as class `moving`; "
        "`hog_regions`: both, people first; `onnx`: a network, see model.", choices=KINDS)
    model: str = setting(
        DEFAULT_DETECTOR, "The network of the kind `onnx`: an ONNX file as 'smolvlm_ros export "
        "detector' wrote it, a folder of such files, a D-FINE or RT-DETR checkpoint (its folder, "
        "or its name in the registry), which is exported on first use where torch is installed, or "
        "a YOLOX file as its own export writes it. The default is D-FINE nano of the registry.")
    allow_noncommercial: bool = setting(
        False, "Load weights whose licence forbids commercial use, with a warning at every start.")
    allow_agpl: bool = setting(
        False, "Load weights under the AGPL (YOLOv5, v8 and 11 of Ultralytics), whose terms reach "
        "the software around them, with a warning at every start.")
    classes: tuple[str, ...] = setting((), "Classes to keep; empty keeps all.", le=200,
                                       runtime=True)
    min_score: float = setting(0.3, "Least score of a detection.", ge=0.0, le=1.0, runtime=True)
    class_scores: tuple[str, ...] = setting(
        (), "Least scores of single classes in place of min_score, each as 'class: score', such as "
        "'person: 0.4'. The model must know the class.", le=200, runtime=True)
    hog: HogConfig = group(HogConfig)
    regions: RegionsConfig = group(RegionsConfig)
    onnx: OnnxConfig = group(OnnxConfig)

    def conflicts(self) -> list[str]:
        """Rules between settings."""
        problems = []
        names: set[str] = set()
        for entry in self.class_scores:
            name, score = _named_score(entry)
            if not name or not 0 <= score <= 1:
                problems.append(f"class_scores has {entry!r}, expected a class and a score of 0 to "
                                "1, such as 'person: 0.4'")
            elif name in names:
                problems.append(f"class_scores names {name!r} twice; remove one")
            names.add(name)
        return problems + super().conflicts()

    def own_scores(self) -> dict[str, float]:
        """The least score of each class that has one of its own."""
        return dict(_named_score(entry) for entry in self.class_scores)

    def unknown_classes(self, labels: Collection[str]) -> tuple[str, ...]:
        """Names in class_scores that a detector with these labels never gives."""
        return tuple(name for name in self.own_scores() if name not in labels)


def _named_score(entry: str) -> tuple[str, float]:
    """Class and score of an entry; NaN where there is no number."""
    name, _, score = entry.rpartition(":")
    try:
        return name.strip(), float(score)
    except ValueError:
        return name.strip(), math.nan
