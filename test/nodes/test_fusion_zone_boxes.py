"""The fusion node over DDS tells where its zones are in the image, for who asks about one."""
from __future__ import annotations

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import LOOKS_AHEAD, OPTICAL, ZONES, at, bench, header  # noqa: E402
from peer import wait_for  # noqa: E402
from rclpy.time import Time as RosTime  # noqa: E402
from vision_msgs.msg import Detection2DArray  # noqa: E402

from smolvlm_ros.ros.boxes import boxes_by_id  # noqa: E402

# Before the camera, 2 m away: 60 px/m and a principal point of (31.5, 23.5) make 30 px a metre.
MORE = ZONES + """
  - {name: ahead, frame_id: map, type: polygon, z_min_m: -0.5, z_max_m: 0,
     points: [[2, -0.5], [3, -0.5], [3, 0.5], [2, 0.5]]}
  - {name: behind, frame_id: map, type: polygon, points: [[-2, -1], [-3, -1], [-3, 1]]}
  - {name: lost, frame_id: nowhere, type: polygon, points: [[2, -1], [3, -1], [3, 1]]}
"""


def test_zones_in_view_have_their_boxes_with_the_frame_s_stamp() -> None:
    with bench(zones=MORE, tf_timeout_s=0.0) as b:
        b.peer.transform("map", OPTICAL, at(0), (0.0, 0.0, 0.0), LOOKS_AHEAD, static=True)
        told = b.peer.listen("zones_2d", Detection2DArray)
        wait_for(lambda: b.node._zone_boxes.get_subscription_count(), "the node to know who looks")
        tf = b.node._transforms._buffer
        wait_for(lambda: tf.can_transform("map", OPTICAL, RosTime()), "TF in the node")
        b.send(0)
        wait_for(lambda: told, "the zones of the frame")
        assert told[0].header == header(0)
        boxes = boxes_by_id(told[0])
        assert set(boxes) == {"near", "ahead"}
        assert boxes["ahead"] == pytest.approx((17, 24, 47, 39), abs=1e-6)
