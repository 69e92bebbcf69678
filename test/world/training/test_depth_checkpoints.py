"""The shipped depth checkpoints on a handful of frames they were not trained on, bounds relaxed."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from smolvlm_ros.depth import DepthConfig, DepthEstimator, make_estimator
from smolvlm_ros.models.checkpoint import open_checkpoint, read_json
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER
from smolvlm_ros.models.registry import find
from smolvlm_ros.world import CAMERA, WorldFrame
from smolvlm_ros.world.scoring.depth import INDOOR, OUTDOOR, evaluate_depth, frames_of

VARIANTS = ("indoor", "outdoor")


def folder_of(variant: str) -> Path:
    return CHECKPOINTS_FOLDER / f"depth-{variant}"


@pytest.fixture(scope="module")
def estimators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DepthEstimator]]:
    pytest.importorskip("torch", reason="the export needs torch")
    pytest.importorskip("onnx", reason="the export needs onnx")
    from smolvlm_ros.models.export import export_depth
    made = {}
    for variant in VARIANTS:
        size = read_json(folder_of(variant) / "preprocessor_config.json")["size"]
        path = tmp_path_factory.mktemp(variant) / f"{variant}.onnx"
        export_depth(folder_of(variant), path, (size["height"], size["width"]))
        made[variant] = make_estimator(DepthConfig(
            scene=variant, num_threads=1, model_indoor=str(path), model_outdoor=str(path)))
    yield made
    for estimator in made.values():
        estimator.close()


@lru_cache(maxsize=2)
def frames(variant: str) -> tuple[WorldFrame, ...]:
    """One frame for each place and camera, two where there is only one place."""
    return tuple(frames_of(INDOOR, [900], 1) if variant == "indoor" else
                 frames_of(OUTDOOR, [900], 2))


@pytest.mark.parametrize(("variant", "absrel", "delta1"), [("indoor", 0.11, 0.92),
                                                           ("outdoor", 0.16, 0.86)])
def test_depth_is_near_the_truth(estimators: dict[str, DepthEstimator], variant: str,
                                 absrel: float, delta1: float) -> None:
    score = evaluate_depth(estimators[variant], frames(variant))
    assert score.frames == 6
    assert score.absrel <= absrel and score.delta1 >= delta1, score
    assert score.unknown <= 0.02 and (variant == "indoor" or score.sky >= 0.9), score


@pytest.mark.parametrize(("place", "wrong"), [VARIANTS, VARIANTS[::-1]])
def test_the_wrong_variant_is_clearly_worse(estimators: dict[str, DepthEstimator], place: str,
                                            wrong: str) -> None:
    right = evaluate_depth(estimators[place], frames(place)[:3]).absrel
    assert evaluate_depth(estimators[wrong], frames(place)[:3]).absrel >= 2 * right


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_the_worlds_own_and_small(variant: str) -> None:
    checkpoint = open_checkpoint(folder_of(variant), "depth_anything")
    known = find("", checkpoint.config)
    assert known is not None and known.embedded and known.variant == variant
    assert checkpoint.config["training_focal"] == pytest.approx(CAMERA.fx / CAMERA.width)
    assert sum(path.stat().st_size for path in folder_of(variant).iterdir()) <= 4.6e6


@pytest.mark.parametrize("variant", VARIANTS)
def test_its_card_quotes_what_was_measured(variant: str) -> None:
    text = (folder_of(variant) / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"\| depth_{variant}_absrel \| ([\d.]+) \|", text)
    assert found and 0 < float(found[1]) < 0.2
    assert json.dumps("apache-2.0") in text.split("---")[1]
    assert "embedded world of smolvlm_ros only" in text
