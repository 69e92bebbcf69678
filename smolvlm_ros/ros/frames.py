"""The TF of a camera that is played: its own poses, or a fixed mount on the robot."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.ros.transforms import from_matrix, to_message


class FrameTransforms:
    """Publishes where the camera is. The first frame decides how: a frame has one parent.

    Args:
        node: what to publish with.
        world_frame: parent of the poses.
        mount_of: gives the mount of an optical frame; None for none.
    """

    def __init__(self, node: Any, world_frame: str,
                 mount_of: Callable[[str], Transform | None]) -> None:
        self._node = node
        self._world_frame = world_frame
        self._mount_of = mount_of
        self._posed: bool | None = None
        self._mounted: set[str] = set()
        self._static = StaticTransformBroadcaster(node)
        self._dynamic = TransformBroadcaster(node)

    def publish(self, pose_world_from_camera: NDArray[Any] | None, header: Header) -> None:
        """Publish what holds for an image.

        Args:
            pose_world_from_camera: shape (4, 4), metres; None where the source has none.
            header: of the image.
        """
        if self._posed is None:
            self._posed = pose_world_from_camera is not None
        if self._posed:
            if pose_world_from_camera is not None:
                pose = from_matrix(pose_world_from_camera, self._world_frame, header.frame_id)
                self._dynamic.sendTransform(to_message(pose, header.stamp))
        elif header.frame_id not in self._mounted:
            self._mounted.add(header.frame_id)
            mount = self._mount_of(header.frame_id)
            if mount is not None:
                stamp = self._node.get_clock().now().to_msg()
                self._static.sendTransform(to_message(mount, stamp))

    def close(self) -> None:
        """Stop publishing; the mount is gone for those who come later."""
        for broadcaster in (self._static, self._dynamic):
            publisher = getattr(broadcaster, "pub_tf", None)
            if publisher is not None:
                self._node.destroy_publisher(publisher)
