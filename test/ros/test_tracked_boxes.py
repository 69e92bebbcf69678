"""The boxes of tracked objects as a message and back."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.msg", reason="no ROS here, or its interfaces are not built")
from builtin_interfaces.msg import Time  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from vision_msgs.msg import Detection2D, Detection2DArray  # noqa: E402

from smolvlm_ros.camera import CameraModel  # noqa: E402
from smolvlm_ros.fusion import Tracker3D, fuse  # noqa: E402
from smolvlm_ros.ros.boxes import boxes_by_id  # noqa: E402
from smolvlm_ros.ros.tracked_boxes import to_tracked_boxes  # noqa: E402


def test_a_box_goes_out_under_its_track_s_number() -> None:
    camera = CameraModel(100, 80, 100.0, 100.0, 49.5, 39.5)
    depth_m = np.full((80, 100), 4.0, np.float32)
    tracker = Tracker3D()

    def update(*boxes: tuple[float, float, float, float], stamp_s: float) -> dict:
        objects = fuse(boxes, [0.9] * len(boxes), ["person"] * len(boxes), depth_m,
                       camera).objects
        header = Header(stamp=Time(sec=3, nanosec=7), frame_id="optical")
        message = to_tracked_boxes(header, tracker.update(objects, stamp_s), objects)
        assert message.header == header
        assert {d.results[0].hypothesis.class_id for d in message.detections} <= {"person"}
        return boxes_by_id(message)

    left, right = (10.0, 20.0, 25.0, 60.0), (70.0, 20.0, 85.0, 60.0)
    first = update(left, right, stamp_s=1.0)
    assert sorted(first.values()) == [left, right]
    ids = {box: number for number, box in first.items()}
    # In another order, and one of them unseen: the number stays with the object.
    assert update(right, left, stamp_s=1.1) == first
    assert update(right, stamp_s=1.2) == {ids[right]: right}
    assert update(stamp_s=1.3) == {}


def test_an_object_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no id"):
        boxes_by_id(Detection2DArray(detections=[Detection2D()]))
