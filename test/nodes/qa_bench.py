"""A scene_qa node with a peer at its topics that plays camera, gate and planner."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from peer import Peer, fresh_namespace, running, stamp, textured, wait_for
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from smolvlm_ros.action import DescribeScene
from smolvlm_ros.msg import SceneVerdict, ZoneEvent
from smolvlm_ros.srv import AskScene
from std_msgs.msg import Header
from std_srvs.srv import Trigger
from vision_msgs.msg import Detection2D, Detection2DArray

from smolvlm_ros.nodes.scene_qa import SceneQaNode
from smolvlm_ros.qa.crops import OBJECT, ZONE
from smolvlm_ros.ros import images
from smolvlm_ros.ros.boxes import hypothesis, to_box
from smolvlm_ros.ros.stamps import to_seconds

PIECES = QoSProfile(depth=2000, reliability=ReliabilityPolicy.RELIABLE)  # none may be lost
FRAME = "camera_optical_frame"
YES_NO, FREE, AUTO = AskScene.Request.YES_NO, AskScene.Request.FREE, AskScene.Request.AUTO
NEWEST, FRESH = AskScene.Request.NEWEST, AskScene.Request.FRESH
OK, REFUSED, NO_FRAME, NO_MODEL, GEOMETRY = (
    AskScene.Response.OK, AskScene.Response.REFUSED, AskScene.Response.NO_FRAME,
    AskScene.Response.NO_MODEL, AskScene.Response.GEOMETRY)
TEMPLATES = """
templates:
  - name: lying
    question: "Is the {class} in {zone} lying on the floor?"
    events: [enter]
"""


def ago(seconds: float = 0.0) -> Time:
    """A stamp, by the clock that the node compares with."""
    return stamp(time.time_ns() - int(seconds * 1e9))


@dataclass
class Gate:
    """Plays the gate's request service.

    Attributes:
        requests: how often a frame was asked for.
        passes: ages in seconds of the frames to send, one for each request; none when empty.
        refusal: what to refuse with; empty to accept.
        sent: the frames that it sent.
    """

    peer: Peer
    requests: int = 0
    passes: list[float] = field(default_factory=list)
    refusal: str = ""
    sent: list[Image] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peer.node.create_service(Trigger, "gate/request_frame", self._on_request)

    def _on_request(self, _: Any, response: Any) -> Any:
        self.requests += 1
        response.success, response.message = not self.refusal, self.refusal
        if self.passes:
            frame = picture(ago(self.passes.pop(0)), self.requests)
            self.peer.publisher("gate/image", Image, matched=False).publish(frame)
            self.sent.append(frame)
        return response


def picture(at: Time, seed: int = 0) -> Image:
    return images.from_rgb(textured(seed=seed), Header(stamp=at, frame_id=FRAME))


@dataclass
class QaBench:
    """A scene_qa node with a peer."""

    node: SceneQaNode
    peer: Peer
    verdicts: list[SceneVerdict]

    def frame(self, age_s: float = 0.0, seed: int | None = None) -> Image:
        """Send a frame and wait until the node has it; returns its message."""
        message = picture(ago(age_s), round(age_s * 1000) if seed is None else seed)
        self.peer.send("gate/image", message)
        pixels, at_s = images.to_rgb(message), to_seconds(message.header.stamp)

        def there() -> bool:
            shown = self.node.frames.shown_at(at_s)
            return shown is not None and np.array_equal(shown.image_rgb, pixels)
        wait_for(there, "the frame in the node")
        return message

    def boxes(self, frame: Image, **tracks: tuple[float, float, float, float]) -> None:
        """Tell where objects are in a frame, as fusion does: t7=(left, top, right, bottom)."""
        self._tell(frame, "objects_2d", OBJECT, {name[1:]: box for name, box in tracks.items()})

    def zones(self, frame: Image, **zones: tuple[float, float, float, float]) -> None:
        """Tell where zones are in a frame, as fusion does: door=(left, top, right, bottom)."""
        self._tell(frame, "zones_2d", ZONE, zones)

    def _tell(self, frame: Image, topic: str, of: str,
              boxes: dict[str, tuple[float, float, float, float]]) -> None:
        self.peer.send(topic, Detection2DArray(header=frame.header, detections=[
            Detection2D(header=frame.header, id=name, bbox=to_box(box),
                        results=[hypothesis("person", 0.9)]) for name, box in boxes.items()]))
        at_s = to_seconds(frame.header.stamp)
        wait_for(lambda: self.node.frames._boxes[of].known(at_s), "the boxes in the node")

    def gate(self, **kind: Any) -> Gate:
        """A gate that the node knows of."""
        gate = Gate(self.peer, **kind)
        wait_for(self.node.frames._client.service_is_ready, "the gate to be known")
        return gate

    def two_frames(self) -> tuple[Image, Image]:
        """An older and a newer frame, far enough apart for a verdict."""
        return self.frame(1.5), self.frame(0.5)

    def ask(self, question: str = "Is there a person in the room?", mode: int = YES_NO,
            **fields: Any) -> Any:
        request = AskScene.Request(question=question, mode=mode, **fields)
        return self.peer.call("scene_qa/ask", AskScene, request)

    def set_parameter(self, name: str, value: Any) -> Any:
        """Set one parameter, as a client does; returns what the node says to it."""
        request = SetParametersAtomically.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()])
        return self.peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                              request).result

    def pieces(self) -> list[Any]:
        """A list that fills with the feedback of ~/describe.

        By a subscription: rclpy's client drops what it takes after a goal's result.
        """
        return self.peer.listen("scene_qa/describe/_action/feedback",
                                DescribeScene.Impl.FeedbackMessage, PIECES)

    def event(self, kind: int = ZoneEvent.ENTER, class_name: str = "person", zone: str = "door",
              at: Time | None = None) -> ZoneEvent:
        """Send a zone event."""
        message = ZoneEvent(header=Header(stamp=at or ago(), frame_id="map"), kind=kind, zone=zone,
                            class_name=class_name, track_id="7")
        self.peer.send("zone_events", message)
        return message


class Describer:
    """A client of ~/describe, and what comes as feedback.

    Args:
        b: the node.
        pieces: of `QaBench.pieces`, where they are wanted before the goal.
        goal: its fields.
    """

    def __init__(self, b: QaBench, pieces: list[Any] | None = None, **goal: Any) -> None:
        self._pieces = b.pieces() if pieces is None else pieces
        self.client = ActionClient(b.peer.node, DescribeScene, "scene_qa/describe")
        wait_for(self.client.server_is_ready, "the action")
        accepted = self.client.send_goal_async(DescribeScene.Goal(**goal))
        wait_for(accepted.done, "the goal's acceptance")
        self.handle: Any = accepted.result()
        self._result = self.handle.get_result_async()

    @property
    def feedback(self) -> list[Any]:
        """What has come so far."""
        return [piece.feedback for piece in self._pieces]

    def result(self) -> Any:
        """Status and result at the end."""
        wait_for(self._result.done, "the result")
        status, result = self._result.result().status, self._result.result().result
        wait_for(lambda: len(self._pieces) == result.tokens, "the feedback of every token")
        self.client.destroy()
        return status, result


@contextmanager
def qa_bench(**parameters: Any) -> Iterator[QaBench]:
    namespace = fresh_namespace()
    parameters.setdefault("engine__model", "none")
    parameters.setdefault("ask_again", 0)  # random weights are never clear
    parameters.setdefault("policy__shelf_life_s", 600.0)  # on a busy machine frames get old
    parameters.setdefault("frames__max_age_s", 600.0)
    with running(SceneQaNode, namespace, **parameters) as node, Peer(namespace) as peer:
        yield QaBench(node, peer, peer.listen("verdicts", SceneVerdict,
                                              matched=node.state == "active"))
