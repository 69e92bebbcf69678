"""The other end of a node's topics and services, for tests: a plain node, and a node under test.

Everything waits by condition and with a deadline; nothing here asserts on speed.
"""
from __future__ import annotations

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from smolvlm_ros.ros.process import Spinner
from smolvlm_ros.ros.stats import Stats

PATIENCE_S = 15.0  # of every wait; nothing here takes a tenth of it on an idle machine
RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
_numbers = itertools.count(1)


def fresh_namespace() -> str:
    """A namespace that no other test has used."""
    return f"/test_{next(_numbers)}"


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
    """Wait until the condition holds; returns its value.

    Raises:
        AssertionError: naming what did not come.
    """
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.005)


def stamp(nanoseconds: int) -> Time:
    """A stamp; give odd numbers of nanoseconds to see that none gets lost."""
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


class Peer:
    """A node that publishes, listens and calls, spun in a thread of its own.

    Args:
        namespace: of its relative names, that of the node under test.
    """

    def __init__(self, namespace: str = "") -> None:
        self.node = rclpy.create_node(f"peer_{next(_numbers)}", namespace=namespace)
        self.node.stats = Stats()  # what the spinner counts errors in
        self.namespace = namespace
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self._statuses: dict[str, Any] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._spinner = Spinner(self.node)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, failed: Any, *_: Any) -> None:
        ended = self._spinner.stop(PATIENCE_S)
        assert ended or failed, "a callback of the peer has not ended"

    def listen(self, topic: str, kind: Any, qos: QoSProfile = RELIABLE,
               matched: bool = True) -> list[Any]:
        """A list that fills with what comes; waits for a publisher unless told not to."""
        received: list[Any] = []
        self.node.create_subscription(kind, topic, received.append, qos)
        if matched:
            name = self.node.resolve_topic_name(topic)
            wait_for(lambda: self.node.count_publishers(name), f"a publisher of {name}")
        return received

    def publisher(self, topic: str, kind: Any, qos: QoSProfile = RELIABLE,
                  matched: bool = True) -> Any:
        """A publisher of its topic, made once; waits for a subscriber unless told not to."""
        made = self._publishers.get(topic)
        if made is None:
            made = self._publishers[topic] = self.node.create_publisher(kind, topic, qos)
        if matched:
            wait_for(made.get_subscription_count, f"a subscriber of {made.topic_name}")
        return made

    def send(self, topic: str, message: Any, qos: QoSProfile = RELIABLE) -> None:
        """Publish once somebody listens."""
        self.publisher(topic, type(message), qos).publish(message)

    def call_async(self, service: str, kind: Any, request: Any, timeout_s: float = PATIENCE_S
                   ) -> Any:
        """Call a service once it is there; the future of its response."""
        client = self._clients.get(service)
        if client is None:
            # Of many answers at once a client keeps as many as its depth says, by default ten.
            client = self._clients[service] = self.node.create_client(
                kind, service, qos_profile=RELIABLE)
        wait_for(client.service_is_ready, f"the service {client.srv_name}", timeout_s)
        return client.call_async(request)

    def call(self, service: str, kind: Any, request: Any, timeout_s: float = PATIENCE_S) -> Any:
        """Call a service; its response."""
        future = self.call_async(service, kind, request)
        wait_for(future.done, f"an answer of {service}", timeout_s)
        return future.result()

    def status(self, node: str) -> tuple[int, str, dict[str, str]]:
        """Level, message and values of a node's newest diagnostics; level -1 before the first.

        A value that is not there is an empty text.
        """
        return self._statuses.get(f"{self.namespace}/{node}", (-1, "", defaultdict(str)))

    def await_status(self, node: str, condition: Callable[[int, str, dict[str, str]], Any],
                     what: str) -> tuple[int, str, dict[str, str]]:
        """Wait until a node's diagnostics fulfil a condition; returns them."""
        def holds() -> Any:
            now = self.status(node)
            return now if now[0] >= 0 and condition(*now) else None
        try:
            return wait_for(holds, what)  # type: ignore[no-any-return]
        except AssertionError as error:
            raise AssertionError(f"{error}; the diagnostics are {self.status(node)}") from None

    def await_error(self, node: str, text: str) -> None:
        """Wait until a node's health is ERROR with that text in its message."""
        self.await_status(node, lambda level, message, _: level == 2 and text in message,
                          f"ERROR with {text!r}")

    def transform(self, parent: str, child: str, at: Time, xyz: tuple[float, float, float],
                  xyzw: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 1.0),
                  static: bool = False) -> None:
        """Publish a transform."""
        message = TransformStamped(header=Header(stamp=at, frame_id=parent), child_frame_id=child)
        place, turn = message.transform.translation, message.transform.rotation
        place.x, place.y, place.z = xyz
        turn.x, turn.y, turn.z, turn.w = xyzw
        topic, qos = ("/tf_static", LATCHED) if static else ("/tf", RELIABLE)
        self.send(topic, TFMessage(transforms=[message]), qos)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            level = status.level
            self._statuses[status.name] = (
                int.from_bytes(level, "big") if isinstance(level, bytes) else int(level),
                status.message, defaultdict(str, {v.key: v.value for v in status.values}))


@contextmanager
def running(kind: type, namespace: str, /, active: bool = True, **parameters: Any) -> Iterator[Any]:
    """A node of this package, spun in this process and closed at the end.

    Args:
        kind: its class.
        namespace: of the node.
        active: configure and activate it; else it is left unconfigured.
        parameters: by name; a dot in a name is written as two underscores.
    """
    values = {"autostart": active, "autostart_retry_s": 0.0, "diagnostics_period_s": 0.1,
              **{name.replace("__", "."): value for name, value in parameters.items()}}
    node = kind(namespace=namespace,
                parameter_overrides=[Parameter(name, value=v) for name, v in values.items()])
    spinner = Spinner(node, getattr(node, "executor_threads", 1))
    try:
        assert node.start_tried.wait(PATIENCE_S), "the node has not tried to start"
        if active:
            assert node.state == "active", f"the node is {node.state}"
        yield node
    finally:
        ended = spinner.stop(PATIENCE_S)
    assert ended, f"a callback of {node.get_name()} has not ended"


def textured(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """A small image with something to see in it, (H, W, 3) uint8."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
