"""Plain rclpy scripts, with no code of this package, at both ends of the funnel."""
from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from node_process import ROOT, NodeProcess  # noqa: E402
from peer import Peer, fresh_namespace, running  # noqa: E402
from test_funnel import FUNNEL, await_active  # noqa: E402

from smolvlm_ros.nodes.fusion import FusionNode  # noqa: E402

HERE = Path(__file__).parent
PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def funnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The namespace of a running funnel."""
    namespace = fresh_namespace()
    folder = tmp_path_factory.mktemp("funnel")
    with NodeProcess(folder, "funnel", namespace, FUNNEL) as process, Peer(namespace) as peer:
        await_active(peer, process)
        yield namespace
        assert process.interrupt() == 0


def said(script: Path, *arguments: str) -> str:
    """What a script prints; it must end with 0."""
    done = subprocess.run([sys.executable, str(script), *arguments], capture_output=True,
                          text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_plain_camera_gets_objects(funnel: str) -> None:
    found: list[dict[str, Any]] = json.loads(said(HERE / "plain_camera.py", funnel))
    thing = found[0]
    assert thing["exact"] is True  # the stamp is one that was sent, to the nanosecond
    assert thing["frame"] == "plain_optical" and thing["class"] == "moving"
    assert 1.0 < thing["xyz"][2] < 20.0  # it stands on flat ground before the camera


def test_a_planner_s_client_in_fifteen_lines(funnel: str) -> None:
    client = ROOT / "docs/examples/planner_client.py"
    lines = said(client, "--ros-args", "-r", f"__ns:={funnel}").splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("UNSURE - no model is loaded")
    assert lines[1].endswith(" m") or "fused yet" in lines[1]
    code = [line for line in client.read_text().splitlines() if line.strip()]
    assert len(code) <= 17


def test_a_plain_detector_with_a_depth_camera_gets_objects() -> None:
    namespace = fresh_namespace()
    with running(FusionNode, namespace, depth_qos__reliability="best_effort"):
        thing = json.loads(said(HERE / "plain_fusion_input.py", namespace))
    assert thing["class"] == "pallet" and thing["score"] == pytest.approx(0.75)
    assert thing["xyz"] == pytest.approx([0.0, 0.0, 1.5], abs=0.02)
