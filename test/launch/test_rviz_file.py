"""config/smolvlm_ros.rviz: its structure, and its topics against what the nodes publish."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

RVIZ = Path(__file__).parents[2] / "config" / "smolvlm_ros.rviz"
MESSAGES = {"rviz_default_plugins/Image": "sensor_msgs/msg/Image",
            "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray"}
# What rviz2's own files have for a topic (Humble and Jazzy).
TOPIC_KEYS = {"Depth", "Durability Policy", "History Policy", "Reliability Policy", "Value"}


@pytest.fixture(scope="module")
def rviz() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(RVIZ.read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def displays(rviz: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rviz["Visualization Manager"]["Displays"]
    return found


def test_structure_is_that_of_rviz2(rviz: dict[str, Any], displays: list[dict[str, Any]]) -> None:
    assert set(rviz) == {"Panels", "Visualization Manager", "Window Geometry"}
    manager = rviz["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"]
    assert manager["Transformation"]["Current"]["Class"] == "rviz_default_plugins/TF"
    assert manager["Views"]["Current"]["Class"].startswith("rviz_default_plugins/")
    for display in displays:
        # rviz skips a display without a class and shows an error icon for an unknown one.
        assert display["Class"].startswith("rviz_default_plugins/")
        # 'Value' repeats 'Enabled': the check mark in the list.
        assert display["Enabled"] is display["Value"]
        if "Topic" in display:
            assert TOPIC_KEYS <= set(display["Topic"])
    # An image's dock widget is known to the window by its display's name.
    images = {d["Name"] for d in displays if d["Class"].endswith("/Image")}
    assert images <= set(rviz["Window Geometry"])


def test_shows_image_depth_markers_and_frames(displays: list[dict[str, Any]]) -> None:
    shown = {(d["Class"].split("/")[1], d.get("Topic", {}).get("Value"))
             for d in displays if d["Enabled"]}
    # Image, depth, boxes with class and metres, zones and tracks, frames.
    assert {("Image", "gate/image"), ("Image", "depth/image_rect"), ("Image", "annotated"),
            ("MarkerArray", "markers"), ("TF", None)} <= shown
    namespaces = next(d["Namespaces"] for d in displays if d["Class"].endswith("/MarkerArray"))
    assert {"objects", "labels", "tracks", "zones"} == {n for n, on in namespaces.items() if on}


def test_topics_are_published_with_that_type_and_qos(displays: list[dict[str, Any]]) -> None:
    for module in ("rclpy", "vision_msgs", "smolvlm_ros.msg"):
        pytest.importorskip(module, reason=f"the nodes' declarations need {module}")
    from smolvlm_ros.nodes.funnel import NODES
    outputs = {end.name: (end, kind) for kind in NODES for end in kind.interface.outputs}
    for display in displays:
        if "Topic" not in display:
            continue
        topic = display["Topic"]
        # A relative name: with a leading '/' it would not follow the funnel into its namespace.
        end, kind = outputs[topic["Value"]]
        assert end.type == MESSAGES[display["Class"]]
        group = getattr(kind.settings_class(), end.qos) if end.qos else None
        offered = group.reliability if group else "reliable"
        assert topic["Reliability Policy"] == "Best Effort" or offered == "reliable"
        assert topic["Durability Policy"] == "Volatile" or end.latched


def test_marker_namespaces_are_those_that_are_drawn(displays: list[dict[str, Any]]) -> None:
    for module in ("rclpy", "vision_msgs", "visualization_msgs", "smolvlm_ros.msg"):
        pytest.importorskip(module, reason=f"the markers need {module}")
    import numpy as np
    from std_msgs.msg import Header

    from smolvlm_ros.fusion.zone_file import load_zones
    from smolvlm_ros.ros.objects import to_markers
    zones = load_zones(RVIZ.parent / "zones.yaml")
    track = type("Seen", (), {"id": 1, "class_name": "person", "range_m": 2.0, "seen": True,
                              "position": np.zeros(3), "covariance": np.eye(3),
                              "velocity": np.array([0.5, 0, 0])})()
    markers = to_markers(Header(frame_id="map"), [track], zones, []).markers
    drawn = {marker.ns for marker in markers if marker.action == markers[-1].action}
    listed = next(d["Namespaces"] for d in displays if d["Class"].endswith("/MarkerArray"))
    assert set(listed) == drawn
