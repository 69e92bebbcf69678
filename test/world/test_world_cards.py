"""What of the benchmark's figures comes into the embedded checkpoints' cards, and what does not."""
from __future__ import annotations

import argparse
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmark.world_cards import CARDS, measured_on, refused, write_cards  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402
from smolvlm_ros.world.training.card import CARD  # noqa: E402

DEPTH = {"depth_indoor_absrel": 0.031, "depth_indoor_delta1": 0.99, "depth_indoor_frames": 192,
         "depth_outdoor_absrel": 0.1, "depth_outdoor_delta1": 0.93, "depth_outdoor_frames": 96,
         "depth_swapped_absrel_ratio": 5.0, "world_seeds_of_depth": "300 to 307"}
VLM = {"vlm_presence_accuracy": 0.97, "vlm_describe_exact": 0.6, "vlm_describe_exact_frames": 0.5,
       "vlm_describe_invented": 0.2, "vlm_views": 1296, "vlm_asked": 9000, "vlm_described": 600,
       "world_seeds_of_vlm": "300 to 407"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in CARDS:
        (tmp_path / part).mkdir()
        shutil.copy(CHECKPOINTS_FOLDER / part / CARD, tmp_path / part / CARD)
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {part: (folder / part / CARD).read_text() for part in CARDS}


def test_figures_come_with_what_they_were_measured_on(folder: Path) -> None:
    before = texts(folder)
    assert write_cards({**DEPTH, **VLM}, folder)
    after = texts(folder)
    assert after["detector"] == before["detector"]   # it was not measured
    assert "| depth_indoor_absrel | 0.031 | at most 0.08 |" in after["depth-indoor"]
    assert "(seeds 300 to 307; 192 frames), by `benchmark/world.py`:" in after["depth-indoor"]
    assert "96 frames" in after["depth-outdoor"] and "depth_indoor" not in after["depth-outdoor"]
    assert "| vlm_describe_exact | 0.600 | - |" in after["vlm"]
    assert "seeds 300 to 407; 1296 frames and crops, 9000 answers, 600 descriptions" in after["vlm"]
    assert "vlm_describe_exact_frames" not in after["vlm"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_leaves_the_card_as_it_was(
        folder: Path, value: float, capsys: pytest.CaptureFixture[str]) -> None:
    before = texts(folder)
    assert not write_cards({**DEPTH, "depth_indoor_absrel": value}, folder)
    after = texts(folder)
    assert after["depth-indoor"] == before["depth-indoor"]
    assert after["depth-outdoor"] != before["depth-outdoor"]
    assert "card of depth-indoor: depth_indoor_absrel: not a number" in capsys.readouterr().out


def test_a_missing_card_is_a_failure(folder: Path) -> None:
    (folder / "vlm" / CARD).unlink()
    assert not write_cards(VLM, folder)


@pytest.mark.parametrize(("given", "told"), [
    ({"quick": True}, "leave --quick out"), ({"models": "hub"}, "leave out --models hub"),
    ({"models": "/a/folder"}, "--models /a/folder"), ({}, ""), ({"first_seed": 5000}, "")])
def test_what_does_not_belong_into_cards(given: dict[str, Any], told: str) -> None:
    options = argparse.Namespace(**{"cards": True, "quick": False, "models": "embedded", **given})
    assert told in refused(options) and bool(told) == bool(refused(options))
    options.cards = False
    assert refused(options) == ""


def test_the_benchmark_refuses_before_it_measures() -> None:
    pytest.importorskip("rclpy", reason="the benchmark leads real nodes")
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmark/world.py"), "--cards", "--quick"],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "leave --quick out" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("part", CARDS)
def test_the_cards_in_the_package_say_what_they_were_measured_on(part: str) -> None:
    text = texts(CHECKPOINTS_FOLDER)[part]
    seeds = {"depth": "300 to 307", "detector": "300 to 307", "vlm": "300 to 407"}
    name = part.partition("-")[0]
    line = measured_on(part, {f"world_seeds_of_{name}": seeds[name]})
    assert line.partition(";")[0] in text
