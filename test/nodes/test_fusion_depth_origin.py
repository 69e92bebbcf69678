"""Fusion over real DDS: depth of flat ground that is read as that of surfaces is warned of."""
from __future__ import annotations

from functools import partial

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import Bench, bench, header  # noqa: E402
from peer import LATCHED, fresh_namespace, running, wait_for  # noqa: E402
from smolvlm_ros.msg import DepthState  # noqa: E402

from smolvlm_ros.nodes.fusion import FusionNode  # noqa: E402

CONTACT, SHOWN = "set fusion's depth_anchor to 'contact'", "the depth is that of flat ground"


def tell(b: Bench, estimator: str) -> None:
    b.peer.send("depth/state", DepthState(header=header(0), estimator=estimator), LATCHED)


def shown(b: Bench) -> bool:
    return any(SHOWN in finding.text for finding in b.node.faults.findings(0.0))


def test_flat_ground_read_as_surfaces_is_told_with_the_cure() -> None:
    with bench() as b:
        tell(b, "ground_plane")
        b.peer.await_status("fusion", lambda level, text, _: level == 1 and CONTACT in text,
                            "the warning")
        b.set(depth_anchor="contact")
        tell(b, "ground_plane")
        wait_for(lambda: not shown(b), "the end of it")


def test_a_network_s_depth_has_surfaces() -> None:
    with bench() as b:
        tell(b, "ground_plane")
        wait_for(lambda: shown(b), "the warning")
        tell(b, "depth_anything_v2")
        wait_for(lambda: not shown(b), "the end of it")


def test_depth_from_elsewhere_is_not_what_the_depth_node_makes() -> None:
    remap = ["--ros-args", "-r", "depth/image_rect:=camera/depth"]
    for arguments, listens in (([], 1), (remap, 0)):
        with running(partial(FusionNode, cli_args=arguments), fresh_namespace()) as node:
            assert node.count_subscribers(node.resolve_topic_name("depth/state")) == listens
            assert node.count_subscribers(node.resolve_topic_name("depth/image_rect")) == 1
