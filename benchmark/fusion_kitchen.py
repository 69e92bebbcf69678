"""A recorded book through the real nodes: video_source plays it, fusion places it by TF.

The labelled boxes stand for a detector's answers. Everything goes over DDS: depth in 16-bit
millimetres with its calibration, the recording's poses as TF, objects back in the world's frame.
"""
from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_WORLD, _PATIENCE_S = "map", 60.0


@dataclass
class _Heard:
    """What has come back, and the stamps that wait for it."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    objects: dict[int, Any] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)


def kitchen_errors(folder: Path) -> dict[int, float]:
    """Distance of the book from its place in the world, metres, by number of the frame.

    Args:
        folder: an RGB-D folder with labels.json.

    Raises:
        RuntimeError: when a frame's object does not come.
    """
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    boxes = {int(number): box for number, box in labels["boxes"].items()}
    numbers = sorted(boxes)
    with contextlib.ExitStack() as stack:
        labelled = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kitchen_")))
        _copy(folder, labelled, numbers)
        positions = _played(labelled, [boxes[n] for n in numbers], stack)
    truth = np.asarray(labels["world_xyz_m"])
    return {number: float(np.linalg.norm(position - truth))
            for number, position in zip(numbers, positions, strict=True)}


def rows(errors: Mapping[int, float]) -> dict[str, float]:
    """The figures by key."""
    values = list(errors.values())
    return {"kitchen_max_error_m": max(values), "kitchen_mean_error_m": float(np.mean(values)),
            "kitchen_frames": float(len(values))}


def _copy(source: Path, to: Path, numbers: Sequence[int]) -> None:
    """The labelled frames, as a folder of their own."""
    shutil.copy(source / "camera-intrinsics.txt", to)
    for number in numbers:
        for file in source.glob(f"frame-{number:06d}.*"):
            shutil.copy(file, to)


def _played(folder: Path, boxes: Sequence[Sequence[float]],
            stack: contextlib.ExitStack) -> list[np.ndarray]:
    import rclpy
    from rclpy.parameter import Parameter
    from rclpy.signals import SignalHandlerOptions

    from smolvlm_ros.nodes.fusion import FusionNode
    from smolvlm_ros.nodes.video_source import VideoSourceNode

    rclpy.init(args=["--ros-args", "-r", "depth/image_rect:=source/depth/image_rect",
                     "-r", "depth/camera_info:=source/depth/camera_info", "--log-level", "WARN"],
               signal_handler_options=SignalHandlerOptions.NO)
    stack.callback(rclpy.try_shutdown)
    heard = _Heard()

    def made(kind: Any, **values: Any) -> Any:
        return kind(namespace="kitchen", parameter_overrides=[
            Parameter(name.replace("__", "."), value=value)
            for name, value in {"autostart": True, **values}.items()])
    # Frames are seconds apart and the book stands still: each is placed for itself.
    _spun(made(FusionNode, target_frame=_WORLD, tf_timeout_s=10.0, depth_qos__depth=30,
               tracks__keep_s=0.0), stack)
    listener = rclpy.create_node("kitchen_detector", namespace="kitchen")
    _label(listener, boxes, heard)
    _spun(listener, stack)
    _spun(made(VideoSourceNode, source=str(folder), rate_hz=5.0, world_frame=_WORLD,
               wait_for_subscribers=1, image_qos__reliability="reliable", image_qos__depth=30),
          stack)
    with heard.changed:
        if not heard.changed.wait_for(lambda: len(heard.objects) == len(boxes), _PATIENCE_S):
            raise RuntimeError(f"{len(heard.objects)} of {len(boxes)} frames came back in "
                               f"{_PATIENCE_S:g} s")
    return [_position(heard.objects[stamp]) for stamp in heard.sent]


def _spun(node: Any, stack: contextlib.ExitStack) -> None:
    from smolvlm_ros.ros.process import Spinner

    stack.callback(Spinner(node, getattr(node, "executor_threads", 1)).stop)
    started = getattr(node, "start_tried", None)
    if started is not None and not (started.wait(_PATIENCE_S) and node.state == "active"):
        raise RuntimeError(f"{node.get_name()} is {node.state}")


def _label(node: Any, boxes: Sequence[Sequence[float]], heard: _Heard) -> None:
    """Answer each image with its labelled box, and keep what comes back."""
    from sensor_msgs.msg import Image
    from vision_msgs.msg import Detection2DArray, Detection3DArray

    from smolvlm_ros.ros.boxes import to_detections
    from smolvlm_ros.ros.qos import make_profile
    from smolvlm_ros.ros.stamps import to_nanoseconds

    reliable = make_profile("reliable", 30)
    answers: Iterator[Sequence[float]] = iter(boxes)
    publisher = node.create_publisher(Detection2DArray, "detections", reliable)

    def on_image(message: Any) -> None:
        box = next(answers, None)
        if box is not None:
            heard.sent.append(to_nanoseconds(message.header.stamp))
            publisher.publish(to_detections(message.header, np.array([box], float), [1.0],
                                            ["book"]))

    def on_objects(message: Any) -> None:
        with heard.changed:
            heard.objects[to_nanoseconds(message.header.stamp)] = message
            heard.changed.notify_all()
    node.create_subscription(Image, "image_raw", on_image, reliable)
    node.create_subscription(Detection3DArray, "objects", on_objects, reliable)


def _position(message: Any) -> np.ndarray:
    if message.header.frame_id != _WORLD or len(message.detections) != 1:
        raise RuntimeError(f"{len(message.detections)} objects in {message.header.frame_id!r}, "
                           f"expected one in {_WORLD!r}")
    point = message.detections[0].results[0].pose.pose.position
    return np.array((point.x, point.y, point.z))
