"""What the fusion node draws: the annotated image and the markers."""
from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from fusion_bench import BOX, CAMERA, ZONES, Bench, bench, depth_map, header  # noqa: E402
from peer import textured, wait_for  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.camera_info import from_camera_model  # noqa: E402


def picture_of(b: Bench, image: Image) -> None:
    """Send a frame's image, and wait until the node has it: it draws on what is there."""
    b.peer.send("gate/image", image)  # waits for the subscriber
    wait_for(lambda: b.node._annotator._images, "the image")


def test_the_annotated_image_is_made_only_while_somebody_looks() -> None:
    with bench(zones=ZONES) as b:
        images_topic = b.peer.node.resolve_topic_name("gate/image")
        b.send(0)
        b.await_objects(1)
        # Nobody looks: the images are not even subscribed to.
        assert b.peer.node.count_subscribers(images_topic) == 0
        annotated = b.peer.listen("annotated", Image)
        picture = textured()
        picture_of(b, images.from_rgb(picture, header(1)))
        b.send(1)
        wait_for(lambda: annotated, "the annotated image")
        assert annotated[0].header == header(1) and annotated[0].encoding == "rgb8"
        assert (images.to_rgb(annotated[0]) != picture).any()
        b.peer.await_status("fusion", lambda level, text, values: "annotate_p50_ms" in values,
                            "the time it took")


def test_boxes_are_drawn_where_they_are_when_depth_is_smaller_than_the_image() -> None:
    with bench() as b:
        annotated = b.peer.listen("annotated", Image)
        b.peer.send("gate/camera_info", from_camera_model(CAMERA, header(0)))
        black = np.zeros((48, 64, 3), np.uint8)
        picture_of(b, images.from_rgb(black, header(0)))
        b.send(0, depth_map(height=24, width=32), boxes=(BOX,))
        wait_for(lambda: annotated, "the annotated image")
        drawn = images.to_rgb(annotated[0]).any(2)
        # The box's outline is at the box, and right of it nothing is drawn.
        assert drawn[:, round(BOX[2]) - 2:round(BOX[2]) + 3].any()
        assert drawn[round(BOX[3]) - 2:round(BOX[3]) + 3, 25:40].any()
        assert not drawn[40:, 50:].any()


def test_an_image_that_cannot_be_drawn_on_takes_nothing_else_with_it() -> None:
    with bench() as b:
        b.peer.listen("annotated", Image)
        picture_of(b, Image(header=header(0), height=48, width=64, encoding="huh", step=64,
                            data=bytes(64 * 48)))
        b.send(0)
        assert len(b.await_objects(1).detections) == 1
        b.peer.await_error("fusion", "gate/image: ")


def test_markers_show_objects_and_zones() -> None:
    with bench(zones=ZONES) as b:
        markers = b.peer.listen("markers", MarkerArray)
        wait_for(lambda: b.node._markers.get_subscription_count(), "the viewer")
        b.send(0)
        wait_for(lambda: markers, "the markers")
        kinds = [(m.ns, m.action) for m in markers[0].markers]
        assert kinds == [("", Marker.DELETEALL), ("objects", Marker.ADD), ("labels", Marker.ADD),
                         ("zones", Marker.ADD)]
        assert markers[0].markers[2].text.startswith("person 1: 2.0 m")
        assert len(markers[0].markers[3].points) % 2 == 0


def test_a_moving_track_has_an_arrow_as_long_as_its_way_in_a_second() -> None:
    with bench() as b:
        markers = b.peer.listen("markers", MarkerArray)
        wait_for(lambda: b.node._markers.get_subscription_count(), "the viewer")
        for count in range(1, 6):   # 1 m/s away from the camera
            b.send(3 * count, depth_map(2.0 + 0.3 * count))
            b.await_objects(count)
        wait_for(lambda: len(markers) == 5, "the markers")
        (arrow,) = (m for m in markers[-1].markers if m.ns == "tracks")
        tail, head = arrow.points
        assert arrow.type == Marker.ARROW and arrow.header.frame_id == b.objects[-1].header.frame_id
        assert tail.z == b.objects[-1].detections[0].results[0].pose.pose.position.z
        assert 0.5 < head.z - tail.z < 1.5 and abs(head.x - tail.x) < 0.1
