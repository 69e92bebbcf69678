"""Publishers, subscriptions, services and actions made from their declarations."""
from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from typing import Any

from message_filters import Subscriber
from rclpy.action import ActionServer
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible

from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.qos import make_profile, publisher_events, subscription_events

_BAD_INPUT_SHOWN_S = 10.0
_REQUESTS_KEPT = 100  # of many clients at once; what overflows is never answered


class Endpoints:
    """Makes a node's endpoints, guards their callbacks and counts QoS mismatches.

    A callback that raises ValueError has met bad input: it is counted (`bad_input`), shown in the
    node's health for ten seconds, and nothing else is lost. Any other exception is a fault of ours:
    counted (`callback_errors`) and shown the same way, since a robot must go on. A service answers
    in both cases: no success, and why.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._mismatches: dict[str, tuple[str, Callable[[], bool]]] = {}

    def publish(self, endpoint: Endpoint) -> Any:
        """A publisher; it lives until the present phase of the node ends."""
        node, profile = self._node, self.profile(endpoint)

        def unheard() -> bool:
            others = node.get_subscriptions_info_by_topic(publisher.topic_name)
            return any(not _fits(profile, other.qos_profile) for other in others)

        publisher = node.create_publisher(
            endpoint.load_type(), endpoint.name, profile,
            event_callbacks=publisher_events(
                endpoint.name, self._mismatch(endpoint, Level.WARN, unheard)))
        node.own(endpoint.name, lambda: self._destroy(endpoint, node.destroy_publisher, publisher))
        return publisher

    def subscribe(self, endpoint: Endpoint, callback: Callable[[Any], None],
                  kind: Any = None) -> Any:
        """A subscription with a guarded callback; `kind` takes the place of the declared type."""
        subscription = self.listen(endpoint, callback, kind)
        self._node.own(endpoint.name, lambda: self.stop_listening(endpoint, subscription))
        return subscription

    def listen(self, endpoint: Endpoint, callback: Callable[[Any], None], kind: Any = None) -> Any:
        """As `subscribe`, for a subscription that the caller ends with `stop_listening`."""
        return self._node.create_subscription(
            kind or endpoint.load_type(), endpoint.name, self.guarded(endpoint.name, callback),
            self.profile(endpoint), event_callbacks=self._input_events(endpoint))

    def stop_listening(self, endpoint: Endpoint, subscription: Any) -> None:
        """Destroy a subscription."""
        self._destroy(endpoint, self._node.destroy_subscription, subscription)

    def filter(self, endpoint: Endpoint) -> Any:
        """A message_filters Subscriber, for a synchroniser; it lives until the phase ends."""
        node = self._node
        subscriber = Subscriber(
            node, endpoint.load_type(), endpoint.name, qos_profile=self.profile(endpoint),
            event_callbacks=self._input_events(endpoint))
        node.own(endpoint.name,
                 lambda: self._destroy(endpoint, node.destroy_subscription, subscriber.sub))
        return subscriber

    def serve(self, endpoint: Endpoint, callback: Callable[[Any, Any], Any],
              callback_group: Any = None) -> Any:
        """A service; its callback answers also when something is wrong."""
        node, kind = self._node, endpoint.load_type()

        def answer(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:
                self.report(endpoint.name, error)
                return _refusal(kind.Response(), error)

        service = node.create_service(kind, endpoint.name, answer,
                                      qos_profile=make_profile("reliable", _REQUESTS_KEPT),
                                      callback_group=callback_group)
        node.own(endpoint.name, lambda: node.destroy_service(service))
        return service

    def act(self, endpoint: Endpoint, execute: Callable[[Any], Any], cancel: Callable[[Any], Any],
            callback_group: Any) -> Any:
        """An action server."""
        server = ActionServer(self._node, endpoint.load_type(), endpoint.name, execute,
                              cancel_callback=cancel, callback_group=callback_group)
        self._node.own(endpoint.name, server.destroy)
        return server

    def profile(self, endpoint: Endpoint) -> QoSProfile:
        """The QoS profile: from the endpoint's parameter group, or reliable and ten deep."""
        if not endpoint.qos:
            kept = endpoint.kept or (1 if endpoint.latched else 10)
            return make_profile("reliable", kept, endpoint.latched)
        group = getattr(self._node.settings, endpoint.qos)
        return make_profile(group.reliability, max(group.depth, endpoint.kept), endpoint.latched)

    def guarded(self, name: str, callback: Callable[..., None]) -> Callable[..., None]:
        """The callback, with exceptions turned into counters and faults."""
        def call(*messages: Any) -> None:
            try:
                callback(*messages)
            except Exception as error:
                self.report(name, error)
        return call

    def report(self, name: str, error: Exception) -> None:
        """Count an exception met while handling input `name`, and show it in the node's health."""
        bad_input = isinstance(error, ValueError)
        self._node.stats.count("bad_input" if bad_input else "callback_errors")
        if not bad_input:  # a defect: whoever mends it needs the place
            trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            self._node.get_logger().error(trace, throttle_duration_sec=_BAD_INPUT_SHOWN_S)
        self._node.faults.set(f"input {name}", Level.ERROR, f"{name}: {in_words(error)}",
                              _BAD_INPUT_SHOWN_S)

    def diagnostics(self) -> dict[str, object]:
        """QoS mismatches by topic; empty when there are none."""
        return {f"qos_mismatch {topic}": text for topic, (text, _) in self._mismatches.items()}

    def review_mismatches(self) -> None:
        """Forget the mismatches whose other side has gone or has mended its ways."""
        for name, (_, lasts) in tuple(self._mismatches.items()):
            if not lasts():
                self._forget_mismatch(name)

    def _input_events(self, endpoint: Endpoint) -> Any:
        node, profile = self._node, self.profile(endpoint)

        def deaf() -> bool:
            topic = node.resolve_topic_name(endpoint.name)
            others = node.get_publishers_info_by_topic(topic)
            return any(not _fits(other.qos_profile, profile) for other in others)

        report = self._mismatch(endpoint, Level.ERROR, deaf)
        return subscription_events(endpoint.name, report)

    def _mismatch(self, endpoint: Endpoint, level: Level,
                  lasts: Callable[[], bool]) -> Callable[[str], None]:
        def report(text: str) -> None:
            self._mismatches[endpoint.name] = (text, lasts)
            self._node.stats.count("qos_mismatches")
            self._node.faults.set(f"qos {endpoint.name}", level, text)
        return report

    def _forget_mismatch(self, name: str) -> None:
        if self._mismatches.pop(name, None) is not None:
            self._node.faults.clear(f"qos {name}")

    def _destroy(self, endpoint: Endpoint, destroy: Callable[[Any], Any], made: Any) -> None:
        destroy(made)
        self._forget_mismatch(endpoint.name)


def _fits(offered: QoSProfile, wanted: QoSProfile) -> bool:
    return bool(qos_check_compatible(offered, wanted)[0] != QoSCompatibility.ERROR)


def _refusal(response: Any, error: Exception) -> Any:
    """A response that says no, in the fields that the services of this package have."""
    for field, kind in response.get_fields_and_field_types().items():
        if kind in ("float", "double"):
            setattr(response, field, math.nan)
    if hasattr(response, "success"):
        response.success = False
    if hasattr(response, "status"):
        response.status = type(response).REFUSED
    response.message = str(error) or type(error).__name__
    return response
