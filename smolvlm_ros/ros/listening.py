"""Topics taken serialised: recorded as they came, read only where somebody asks for it."""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.serialization import deserialize_message

from smolvlm_ros.recording import McapRecorder, RecordingError, TopicQos, definition_text
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.pairing import InfoPairing
from smolvlm_ros.ros.qos import make_profile
from smolvlm_ros.ros.stamps import to_nanoseconds

DEPTH = 100  # messages kept while this process pauses: all of them are counted
_WAIT_S = 10.0  # a message and its frame come within it, or one of them is lost


class Listening:
    """Subscribes a node to topics, and hands each message to the recording and to a handler.

    Args:
        node: subscribes.
        recorder: takes every message as it came; None for no recording.
    """

    def __init__(self, node: Node, recorder: McapRecorder | None) -> None:
        self._node = node
        self._recorder = recorder
        self._of_passed: list[tuple[InfoPairing[bytes], Callable[[bytes], None]]] = []

    def listen(self, endpoint: Endpoint, handler: Callable[[Any], None] | None = None,
               of_passed: bool = False) -> None:
        """Take a topic's messages.

        Args:
            endpoint: the topic.
            handler: gets each message.
            of_passed: only those whose stamp has been told to `passed`, before or after they came.
        """
        kind = endpoint.load_type()
        topic = self._node.resolve_topic_name(endpoint.name)
        if self._recorder is not None:
            self._recorder.add_topic(topic, endpoint.type, definition_text(endpoint.type),
                                     qos=TopicQos(transient_local=endpoint.latched))

        def take(serialised: bytes) -> None:
            self._record(topic, serialised)
            if handler is not None:
                handler(deserialize_message(serialised, kind))

        def pair(serialised: bytes) -> None:
            stamp = to_nanoseconds(deserialize_message(serialised, kind).header.stamp)
            if pairing.came(stamp, serialised) is not None:
                take(serialised)
        if of_passed:
            pairing: InfoPairing[bytes] = InfoPairing(_WAIT_S, DEPTH)
            self._of_passed.append((pairing, take))
        self._node.create_subscription(kind, topic, pair if of_passed else take,
                                       make_profile("reliable", DEPTH, endpoint.latched), raw=True)

    def passed(self, stamp_ns: int) -> None:
        """A frame of that stamp has passed the gate: take what belongs to it."""
        now_s = time.monotonic()
        for pairing, take in self._of_passed:
            pairing.alone(now_s)
            serialised = pairing.passed(stamp_ns, now_s)
            if serialised is not None:
                take(serialised)

    def _record(self, topic: str, serialised: bytes) -> None:
        if self._recorder is None:
            return
        try:
            self._recorder.add(topic, serialised, time.time_ns())
        except RecordingError as error:
            self._node.get_logger().error(str(error))
            self._recorder = None
