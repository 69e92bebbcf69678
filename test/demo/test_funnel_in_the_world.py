"""The whole funnel, real nodes over DDS, in the embedded world whose truth is known."""
from __future__ import annotations

import importlib.util
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="the funnel runs real nodes; there is no ROS here")
pytest.importorskip("smolvlm_ros.msg", reason="the package's messages are not built")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmark.lockstep import TRUTH, Minute, Played, play  # noqa: E402
from smolvlm_ros.models.embedded import CHECKPOINTS_FOLDER  # noqa: E402

pytestmark = pytest.mark.slow
PARTS = ("depth-indoor", "depth-outdoor", "detector", "vlm")


def played(minute: Minute, folder: Path) -> Played:
    """Play in a process of its own: a ROS domain and a context for each."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(play, minute, folder).result()


def words(outcome: Played) -> str:
    """What went on, for an assertion that fails."""
    log: Any = outcome.log
    return "\n".join([*map(str, log.events), *map(str, log.verdicts), *outcome.score.faults])


@pytest.mark.parametrize(("scene", "camera"), [("room", "static"), ("path", "robot")])
def test_with_exact_boxes_and_depth_every_visit_is_noticed(scene: str, camera: str,
                                                           tmp_path: Path) -> None:
    outcome = played(Minute(scene, 310, camera, 30.0, TRUTH), tmp_path)
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
@pytest.mark.parametrize(("scene", "seed", "camera", "beside"), [
    # Two people walk past the zone there, the nearer one 4 cm from its edge.
    ("corridor", 320, "static", 2),
    ("room", 321, "robot", 0),
    # With the outdoor depth.
    ("path", 317, "drone", 0)])
def test_the_embedded_checkpoints_answer_right_or_abstain(scene: str, seed: int, camera: str,
                                                          beside: int, tmp_path: Path) -> None:
    outcome = played(Minute(scene, seed, camera, 30.0), tmp_path)
    score = outcome.score
    assert score.visits >= 1, words(outcome)
    assert score.missed_enters == score.missed_leaves == 0, words(outcome)
    assert score.stray <= score.false_events <= beside, words(outcome)
    assert score.wrong == 0 and score.decided >= 1, words(outcome)
    assert score.rows()["funnel_position_error_rel"] < 0.1
