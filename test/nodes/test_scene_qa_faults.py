"""The scene_qa node whose model cannot be had, fails or hangs, and its threads."""
from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import OK, REFUSED, TEMPLATES, qa_bench  # noqa: E402
from smolvlm_ros.msg import SceneVerdict  # noqa: E402
from smolvlm_ros.srv import FindMoment  # noqa: E402

from smolvlm_ros.qa.engine import EngineError  # noqa: E402
from smolvlm_ros.ros import answering  # noqa: E402


def test_a_model_that_hangs_is_dead_in_the_node_s_health(tiny_vlm: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_END_S", 0.1)
    with qa_bench(engine__model=str(tiny_vlm), timeout_s=0.2) as b:
        b.two_frames()
        go_on, begun = threading.Event(), threading.Event()
        b.node.engine.yes_no = lambda *_: begun.set() or go_on.wait(60)
        try:
            # On a busy machine the time may be over before the model's turn comes: ask again.
            wait_for(lambda: b.ask().status == REFUSED and begun.is_set(), "the model to be asked")
            b.peer.await_error("scene_qa", "scene_qa is dead: ")
        finally:
            go_on.set()


def test_a_long_search_does_not_keep_frames_from_coming() -> None:
    with qa_bench() as b:
        go_on, begun = threading.Event(), threading.Event()

        def searches(_: Any) -> Any:
            begun.set()
            assert go_on.wait(60)
            raise ValueError("nothing")
        b.node._memory._store.find = searches
        found = b.peer.call_async("scene_qa/find_moment", FindMoment, FindMoment.Request())
        try:
            wait_for(begun.is_set, "the search")
            b.frame()
            assert not found.done()
        finally:
            go_on.set()
        wait_for(found.done, "its answer")


def test_a_broken_checkpoint_refuses_to_configure_until_another_is_set(
        tiny_vlm: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_vlm, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with qa_bench(active=False, engine__model=str(broken)) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", "configure failed: ")
        assert str(broken) in b.peer.status("scene_qa")[1]
        assert b.set_parameter("engine.model", str(tmp_path / "none")).successful
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", str(tmp_path / "none"))
        assert b.set_parameter("engine.model", str(tiny_vlm)).successful
        assert b.node.trigger_configure().name == "SUCCESS"
        assert b.node.trigger_activate().name == "SUCCESS"
        b.peer.await_status("scene_qa", lambda level, text, values:
                            level == 0 and values.get("model") == tiny_vlm.name, "health")
        refused = b.set_parameter("engine.model", "none")  # not while it is loaded
        assert not refused.successful and "clean the node up first" in refused.reason


def test_a_model_that_fails_is_an_error_and_its_return_ends_it(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, crop__of="frame",
                  second_frame_timeout_s=0.1) as b:
        first, _ = b.two_frames()
        yes_no = b.node.engine.yes_no

        def fails(*_: Any) -> Any:
            raise EngineError("out of memory")
        b.node.engine.yes_no = fails
        answer = b.ask()
        assert answer.status == REFUSED and "the model failed: out of memory" in answer.message
        b.peer.await_error("scene_qa", "the model failed: out of memory")
        b.event(at=first.header.stamp)
        wait_for(lambda: b.verdicts, "the event's verdict")
        assert b.verdicts[0].answer == SceneVerdict.UNSURE
        assert "out of memory" in b.verdicts[0].reason
        b.node.engine.yes_no = yes_no
        assert b.ask().status == OK
        b.peer.await_status("scene_qa", lambda level, text, values: level == 0, "health again")
