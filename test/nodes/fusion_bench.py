"""A fusion node with a peer at its topics, and frames to send it."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from peer import Peer, fresh_namespace, running, stamp, wait_for
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import CameraInfo, Image
from smolvlm_ros.msg import GateState, ZoneEvent
from smolvlm_ros.srv import MeasureDistance
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.nodes.fusion import FusionNode
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import to_detections
from smolvlm_ros.ros.camera_info import from_camera_model
from smolvlm_ros.ros.stamps import to_nanoseconds

WIDTH, HEIGHT = 64, 48
CAMERA = CameraModel(WIDTH, HEIGHT, 60.0, 60.0, 31.5, 23.5)
OPTICAL = "camera_optical_frame"
BOX = (20.0, 10.0, 44.0, 38.0)  # its centre is the image's: on the optical axis
# x forward, y left, z up from an optical frame at the same place: turns of a camera looking ahead.
LOOKS_AHEAD = (-0.5, 0.5, -0.5, 0.5)
OUTSIDE_M = 3.0  # of the zone below, and a step that a person can make in half a second
T0 = 1_700_000_000_000_000_123  # odd nanoseconds, which no float64 of seconds can hold
STEP = 100_000_007
ZONES = """
zones:
  - name: near
    frame_id: camera_optical_frame
    type: sector
    range_m: [0.5, 2.2]
    bearing_deg: [-30, 30]
    enter_hits: 1
    dwell_s: 1.0
    leave_after_s: 0.5
"""


def at(number: int) -> Time:
    return stamp(T0 + number * STEP)


def header(number: int, frame: str = OPTICAL) -> Header:
    return Header(stamp=at(number), frame_id=frame)


def depth_map(metres: float = 2.0, behind: float = 6.0, height: int = HEIGHT, width: int = WIDTH
              ) -> np.ndarray:
    """An object in the box before a wall, (H, W) float32 metres."""
    depth = np.full((height, width), behind, np.float32)
    x0, y0, x1, y1 = (round(v * width / WIDTH) for v in BOX)
    depth[y0:y1, x0:x1] = metres
    return depth


@dataclass
class Bench:
    """A fusion node with a peer at its topics."""

    node: FusionNode
    peer: Peer
    objects: list[Detection3DArray]
    events: list[ZoneEvent]

    def send(self, number: int, depth: Any = None, boxes: Any = (BOX,), name: str = "person",
             info: CameraInfo | None = None, depth_number: int | None = None,
             frame: str = OPTICAL) -> None:
        """One frame: detections, depth and calibration."""
        depth_header = header(number if depth_number is None else depth_number, frame)
        depth = depth_map() if depth is None else depth
        if not isinstance(depth, Image):
            depth = images.from_depth_m(depth, depth_header)
        depth.header = depth_header
        info = info or from_camera_model(CAMERA.scaled(depth.width, depth.height), depth_header)
        info.header = depth_header
        found = np.array(boxes, float).reshape(-1, 4)
        self.peer.send("depth/camera_info", info)
        self.peer.send("depth/image_rect", depth)
        self.peer.send("detections", to_detections(header(number, frame), found,
                                                   [0.9] * len(found), [name] * len(found)))

    def await_objects(self, count: int) -> Detection3DArray:
        """The newest of so many messages of objects."""
        wait_for(lambda: len(self.objects) >= count, f"{count} messages of objects, "
                 f"there are {len(self.objects)}")
        assert len(self.objects) == count
        return self.objects[-1]

    def transform(self, parent: str, child: str, at: Time, *place: tuple[float, ...]) -> None:
        """Publish a transform, and wait until the node has it: a new publisher's first may be late.

        Args:
            parent, child: its frames.
            at: its stamp.
            place: translation, and the rotation as x, y, z, w.
        """
        self.peer.transform(parent, child, at, *place)
        newest_ns = self.node._transforms._listener._newest_ns
        wait_for(lambda: newest_ns.get(child) == to_nanoseconds(at), f"{child} in {parent}")

    def gate(self, number: int, passed: bool = False, frozen: bool = False, event: int = 0,
             novelty: float = 0.0, counts: tuple[int, int] = (0, 0)) -> None:
        """The gate's decision on a frame; counts are of frames in and frames passed."""
        self.peer.send("gate/state", GateState(
            header=header(number), passed=passed, frozen=frozen, event_id=event, novelty=novelty,
            frames_in=counts[0], frames_passed=counts[1]))

    def set(self, **values: str | float) -> Any:
        """Set parameters, all or none."""
        parameters = []
        for name, value in values.items():
            kind = (ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
                    if isinstance(value, str) else
                    ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value))
            parameters.append(Parameter(name=name, value=kind))
        return self.peer.call("fusion/set_parameters_atomically", SetParametersAtomically,
                              SetParametersAtomically.Request(parameters=parameters)).result

    def measure(self, **fields: Any) -> Any:
        return self.peer.call("fusion/measure", MeasureDistance, MeasureDistance.Request(**fields))

    def kinds(self) -> list[tuple[int, int]]:
        """Kind and frame number of each zone event; the stamps must be exact."""
        return [(e.kind, (e.header.stamp.sec * 10**9 + e.header.stamp.nanosec - T0) / STEP)
                for e in self.events]


@contextmanager
def bench(**parameters: Any) -> Iterator[Bench]:
    namespace = fresh_namespace()
    with running(FusionNode, namespace, **parameters) as node, Peer(namespace) as peer:
        there = node.state == "active"
        yield Bench(node, peer, peer.listen("objects", Detection3DArray, matched=there),
                    peer.listen("zone_events", ZoneEvent, matched=there))
