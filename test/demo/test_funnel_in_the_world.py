"""The whole funnel, real nodes over DDS, in the embedded world whose truth is known."""
from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import reduce
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="the funnel runs real nodes; there is no ROS here")
pytest.importorskip("smolvlm_ros.msg", reason="the package's messages are not built")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmark.lockstep import TRUTH, Minute, Played, play, timelines  # noqa: E402
from benchmark.world_cards import TARGETS  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402

pytestmark = pytest.mark.slow
PARTS = ("depth-indoor", "depth-outdoor", "detector", "vlm")
# Of the benchmark's timelines: two people and a ball before a tripod, and two people and a vehicle
# under a drone, which takes the outdoor depth.
CHOSEN = ("world:room?seed=319&camera=static", "world:path?seed=317&camera=drone")


def played(minute: Minute, folder: Path) -> Played:
    """Play in a process of its own: a ROS domain and a context for each."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(play, minute, folder).result()


def words(outcome: Played) -> str:
    """What went on, for an assertion that fails."""
    log: Any = outcome.log
    return "\n".join([*map(str, log.events), *map(str, log.verdicts), *outcome.score.faults])


def test_with_exact_boxes_and_depth_every_visit_is_noticed(tmp_path: Path) -> None:
    outcome = played(Minute("path", 310, "robot", 30.0, TRUTH), tmp_path)
    score = outcome.score
    assert score.visits >= 1 and score.frames_in == 450
    assert (score.missed_enters, score.missed_leaves, score.false_events) == (0, 0, 0), (
        words(outcome))
    # Without a model every question is heard and none is answered.
    assert score.decided == score.wrong == 0 and len(outcome.log.verdicts) >= score.questions
    assert all("no model" in v.reason for v in outcome.log.verdicts)
    rows = score.rows()
    assert rows["funnel_position_error_rel"] < 0.08 and score.unknown_objects == 0
    assert rows["funnel_pass_rate"] < 0.15


@pytest.mark.skipif(not all((CHECKPOINTS_FOLDER / part / "config.json").is_file()
                            for part in PARTS), reason="not all embedded checkpoints are here")
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the extra vlm is missing")
def test_the_embedded_checkpoints_reach_the_benchmarks_figures(tmp_path: Path) -> None:
    outcomes = []
    for minute in (minute for minute in timelines() if minute.source in CHOSEN):
        folder = tmp_path / minute.scene
        folder.mkdir()
        outcome = played(minute, folder)
        outcomes.append(outcome)
        score = outcome.score
        assert score.frames_in == 900 and score.visits == 3, words(outcome)
        assert (score.missed_enters, score.missed_leaves, score.wrong) == (0, 0, 0), words(outcome)
        assert score.false_events == score.stray == 0, words(outcome)
    assert len(outcomes) == len(CHOSEN)
    said = "\n".join(map(words, outcomes))
    rows = reduce(add, (outcome.score for outcome in outcomes)).rows()
    entered = {event.class_name for outcome in outcomes for event in outcome.log.events}
    assert entered == {"person", "ball", "vehicle"}, said
    for key, (sign, target) in TARGETS.items():
        if key.startswith("funnel_"):
            value = rows[key]
            assert value <= target if sign == "<=" else value >= target, f"{key} {value}\n{said}"
