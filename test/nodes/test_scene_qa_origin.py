"""scene_qa with a model of the embedded world over DDS: a real camera's frames are refused."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import textured, wait_for  # noqa: E402
from qa_bench import FREE, NO_MODEL, OK, TEMPLATES, QaBench, ago, qa_bench  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from std_msgs.msg import Header  # noqa: E402

from smolvlm_ros.models.embedded import WORLD_FRAME_ID  # noqa: E402
from smolvlm_ros.models.registry import WORLD_KEY  # noqa: E402
from smolvlm_ros.ros import images  # noqa: E402


@pytest.fixture(scope="module")
def world_vlm(tiny_vlm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with the mark of those trained on the embedded world."""
    folder = tmp_path_factory.mktemp("marked") / "vlm"
    shutil.copytree(tiny_vlm, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, WORLD_KEY: True}))
    return folder


def test_a_real_camera_gets_no_answer_and_is_told_why(world_vlm: Path) -> None:
    with qa_bench(engine__model=str(world_vlm), templates=TEMPLATES) as b:
        first, _ = b.two_frames()
        answers = [b.ask(), b.ask("What is there?", FREE)]
        for answer in answers:
            assert answer.status == NO_MODEL and "embedded world" in answer.message
            assert answer.text == ""
        assert answers[0].verdict.answer == SceneVerdict.UNSURE
        b.peer.await_status("scene_qa", lambda level, text, values: (
            level == 2 and "models:=hub" in text and values["foreign_frames"] == "2"), "health")
        # A zone event gets its verdict, with the reason.
        b.event(at=first.header.stamp)
        verdict = wait_for(lambda: next((v for v in b.verdicts if v.zone), None), "the verdict")
        assert verdict.answer == SceneVerdict.UNSURE and "embedded world" in verdict.reason
        assert list(verdict.pass_questions) == []


def test_the_world_is_answered_about(world_vlm: Path) -> None:
    with qa_bench(engine__model=str(world_vlm)) as b:
        for number, age_s in enumerate((1.5, 0.5)):
            show(b, age_s, number)
        answer = b.ask()
        assert answer.status == OK and len(answer.verdict.pass_questions) >= 2
        level, text, _ = b.peer.await_status("scene_qa", lambda *_: True, "health")
        assert level == 0, text


def show(b: QaBench, age_s: float, seed: int) -> None:
    """Send a frame of the world and wait until the node has it."""
    at = ago(age_s)
    b.peer.send("gate/image", images.from_rgb(textured(seed=seed),
                                              Header(stamp=at, frame_id=WORLD_FRAME_ID)))
    at_s = at.sec + at.nanosec * 1e-9

    def there() -> bool:
        newest = b.node.frames.newest()
        return newest is not None and abs(newest.stamp_s - at_s) < 1e-3
    wait_for(there, "the frame in the node")
