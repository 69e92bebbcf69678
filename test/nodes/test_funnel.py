"""The whole funnel in a process of its own: alive, watched, and gone without a trace."""
from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from node_process import NodeProcess  # noqa: E402
from peer import Peer, fresh_namespace, wait_for  # noqa: E402

PATIENCE_S = 60.0  # a process imports, and five nodes start one after the other
STAGES = ("scene_qa", "fusion", "detector", "depth", "gate")
_EVERY = {"autostart": True, "diagnostics_period_s": 0.2}
# No weights, little work: flat ground for depth, what moves for objects.
FUNNEL = {
    "scene_qa": {**_EVERY, "engine.model": "none"},
    "fusion": {**_EVERY, "depth_anchor": "contact"},
    "detector": {**_EVERY, "kind": "regions"},
    "depth": {**_EVERY, "estimator": "ground_plane", "ground_plane.camera_height_m": 1.2,
              "ground_plane.camera_pitch_deg": 9.0},
    "gate": {**_EVERY, "image_qos.reliability": "reliable", "camera_lost_after_s": 0.5}}
SOURCE = {"video_source": {"autostart": True, "source": "demo", "loop": True,
                           "wait_for_subscribers": 1}}


def await_active(peer: Peer, process: NodeProcess) -> None:
    """Wait until every stage says that it is active."""
    def active() -> bool:
        assert process.running(), f"it has ended and said:\n{process.output}"
        return all(peer.status(stage)[2]["state"] == "active" for stage in STAGES)
    try:
        wait_for(active, "all stages to be active", PATIENCE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}; it said:\n{process.output}") from None


def test_all_stages_come_up_and_go_with_ctrl_c(tmp_path: Path) -> None:
    namespace = fresh_namespace()
    with NodeProcess(tmp_path, "funnel", namespace, FUNNEL) as funnel, \
            Peer(namespace) as peer:
        await_active(peer, funnel)
        # Consumers first: whoever publishes finds its listeners there already.
        order = [line.split("]")[2].rsplit(".", 1)[-1] for line in funnel.output.splitlines()
                 if line.endswith(": active")]
        assert order == list(STAGES)
        assert funnel.interrupt() == 0
        assert not Path(f"/proc/{funnel.pid}").exists() or not funnel.running()
        assert "Traceback" not in funnel.output
        # Nothing it had started is left: all of it was in its session.
        left = [pid for pid in os.listdir("/proc") if pid.isdigit() and _session(pid) == funnel.pid]
        assert left == []


def _session(pid: str) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[3])


def test_it_ends_with_sigterm_while_it_works(tmp_path: Path) -> None:
    namespace = fresh_namespace()
    with NodeProcess(tmp_path, "funnel", namespace, FUNNEL, "-r",
                     "image:=image_raw") as funnel, Peer(namespace) as peer:
        await_active(peer, funnel)
        with NodeProcess(tmp_path, "video_source", namespace, SOURCE) as source:
            wait_for(lambda: int(peer.status("gate")[2]["frames_in"] or 0) > 5, "frames",
                     PATIENCE_S)
            assert funnel.terminate() == 0
            assert source.interrupt() == 0
        assert "Traceback" not in funnel.output + source.output


def test_a_camera_that_is_killed_and_comes_back_is_noticed(tmp_path: Path) -> None:
    namespace = fresh_namespace()
    with NodeProcess(tmp_path, "funnel", namespace, FUNNEL, "-r", "image:=image_raw"
                     ) as funnel, Peer(namespace) as peer:
        await_active(peer, funnel)
        peer.await_error("gate", "nothing has ever come on camera")
        with NodeProcess(tmp_path, "video_source", namespace, SOURCE) as source:
            wait_for(lambda: peer.status("gate")[0] == 0, "a healthy gate", PATIENCE_S)
            source.kill()
        peer.await_error("gate", "camera lost: silent for")
        assert funnel.running()
        with NodeProcess(tmp_path, "video_source", namespace, SOURCE):
            def back() -> bool:
                level, text, _ = peer.status("gate")
                return level == 1 and "camera is back" in text
            wait_for(back, "the camera's return", PATIENCE_S)


def test_a_name_that_is_no_node_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    from smolvlm_ros.nodes.__main__ import main

    assert main(["gaet"]) == 2 and main([]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and "'gaet' is not a node; use one of anonymizer, depth, " in said[0]
