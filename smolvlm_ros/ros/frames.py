"""The TF of a camera that is played: its own poses, alone or as a robot's, or a fixed mount."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Header
from tf2_ros import StaticTransformBroadcaster, TransformBroadcaster

from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.ros.transforms import from_matrix, to_message


@dataclass(frozen=True)
class FrameNames:
    """Frames by REP-105.

    Attributes:
        world: of the poses.
        odom: between the world and the base; the world's own name for none.
        base: of what carries the camera.
    """

    world: str
    odom: str
    base: str


class FrameTransforms:
    """Publishes where the camera is. The first frame decides how: a frame has one parent.

    - poses alone: world to optical frame, with each frame;
    - poses of a camera on a base: odom to base with each frame, and once for all world to odom,
      which are the same, and base to optical frame, so that all three give the camera's pose;
    - no poses: the mount, once for all.

    Args:
        node: what to publish with.
        names: of the frames.
        mount_of: gives the mount of an optical frame; None for none.
    """

    def __init__(self, node: Any, names: FrameNames,
                 mount_of: Callable[[str], Transform | None]) -> None:
        self._node = node
        self._names = names
        self._mount_of = mount_of
        self._posed: bool | None = None
        self._mounted: set[str] = set()
        self._static = StaticTransformBroadcaster(node)
        self._dynamic = TransformBroadcaster(node)

    def publish(self, pose_world_from_camera: NDArray[Any] | None, header: Header,
                pose_base_from_camera: NDArray[Any] | None = None) -> None:
        """Publish what holds for an image.

        Args:
            pose_world_from_camera: shape (4, 4), metres; None where the source has none.
            header: of the image.
            pose_base_from_camera: how the camera is mounted on what carries it, shape (4, 4),
                metres, the same for all images; None where nothing does.
        """
        if self._posed is None:
            self._posed = pose_world_from_camera is not None
        if self._posed:
            if pose_world_from_camera is not None:
                moving = self._moving(pose_world_from_camera, header, pose_base_from_camera)
                self._dynamic.sendTransform(to_message(moving, header.stamp))
        elif self._is_new(header.frame_id):
            mount = self._mount_of(header.frame_id)
            if mount is not None:
                self._send_static(mount)

    def _moving(self, pose: NDArray[Any], header: Header, on_base: NDArray[Any] | None
                ) -> Transform:
        world, odom, base = self._names.world, self._names.odom, self._names.base
        if on_base is None:
            return from_matrix(pose, world, header.frame_id)
        if self._is_new(header.frame_id):
            drift = [from_matrix(np.eye(4), world, odom)] if odom != world else []
            self._send_static(*drift, from_matrix(on_base, base, header.frame_id))
        return from_matrix(pose @ np.linalg.inv(on_base), odom, base)

    def _is_new(self, frame_id: str) -> bool:
        new = frame_id not in self._mounted
        self._mounted.add(frame_id)
        return new

    def _send_static(self, *transforms: Transform) -> None:
        stamp = self._node.get_clock().now().to_msg()
        self._static.sendTransform([to_message(transform, stamp) for transform in transforms])

    def close(self) -> None:
        """Stop publishing; the mount is gone for those who come later."""
        for broadcaster in (self._static, self._dynamic):
            publisher = getattr(broadcaster, "pub_tf", None)
            if publisher is not None:
                self._node.destroy_publisher(publisher)
