"""Publishers, subscriptions, services and actions made from their declarations."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from message_filters import Subscriber
from rclpy.action import ActionServer

from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint
from smolvlm_ros.ros.qos import make_profile, publisher_events, subscription_events

_BAD_INPUT_SHOWN_S = 10.0
_REQUESTS_KEPT = 100  # of many clients at once; what overflows is never answered


class Endpoints:
    """Makes a node's endpoints, guards their callbacks and counts QoS mismatches.

    A callback that raises ValueError has met bad input: it is counted (`bad_input`), shown in the
    node's health for ten seconds, and nothing else is lost. Any other exception is a fault of ours:
    counted (`callback_errors`) and shown the same way, since a robot must go on.
    """

    def __init__(self, node: Any) -> None:
        self._node = node
        self._mismatches: dict[str, str] = {}

    def publish(self, endpoint: Endpoint) -> Any:
        """A publisher; it lives until the present phase of the node ends."""
        node = self._node
        publisher = node.create_publisher(
            endpoint.load_type(), endpoint.name, self.profile(endpoint),
            event_callbacks=publisher_events(endpoint.name, self._mismatch(endpoint)))
        node.own(endpoint.name, lambda: node.destroy_publisher(publisher))
        return publisher

    def subscribe(self, endpoint: Endpoint, callback: Callable[[Any], None],
                  kind: Any = None) -> Any:
        """A subscription with a guarded callback; `kind` takes the place of the declared type."""
        subscription = self.listen(endpoint, callback, kind)
        self._node.own(endpoint.name, lambda: self._node.destroy_subscription(subscription))
        return subscription

    def listen(self, endpoint: Endpoint, callback: Callable[[Any], None], kind: Any = None) -> Any:
        """As `subscribe`, for a subscription that the caller destroys."""
        return self._node.create_subscription(
            kind or endpoint.load_type(), endpoint.name, self.guarded(endpoint.name, callback),
            self.profile(endpoint),
            event_callbacks=subscription_events(endpoint.name, self._mismatch(endpoint)))

    def filter(self, endpoint: Endpoint) -> Any:
        """A message_filters Subscriber, for a synchroniser; it lives until the phase ends."""
        node = self._node
        subscriber = Subscriber(
            node, endpoint.load_type(), endpoint.name, qos_profile=self.profile(endpoint),
            event_callbacks=subscription_events(endpoint.name, self._mismatch(endpoint)))
        node.own(endpoint.name, lambda: node.destroy_subscription(subscriber.sub))
        return subscriber

    def serve(self, endpoint: Endpoint, callback: Callable[[Any, Any], Any],
              callback_group: Any = None) -> Any:
        """A service; it answers, with the text in `message`, also when its callback raises."""
        node = self._node

        def answered(request: Any, response: Any) -> Any:
            try:
                return callback(request, response)
            except Exception as error:  # else the client would wait for ever
                self.report(endpoint.name, error)
                response = type(response)()  # nothing half filled
                response.message = f"{type(error).__name__}: {error}"
                return response
        service = node.create_service(endpoint.load_type(), endpoint.name, answered,
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

    def profile(self, endpoint: Endpoint) -> Any:
        """The QoS profile: from the endpoint's parameter group, or reliable and ten deep."""
        if not endpoint.qos:
            return make_profile("reliable", 1 if endpoint.latched else 10, endpoint.latched)
        group = getattr(self._node.settings, endpoint.qos)
        return make_profile(group.reliability, group.depth, endpoint.latched)

    def guarded(self, name: str, callback: Callable[[Any], None]) -> Callable[[Any], None]:
        """The callback, with exceptions turned into counters and faults."""
        def call(message: Any) -> None:
            try:
                callback(message)
            except Exception as error:
                self.report(name, error)
        return call

    def report(self, name: str, error: Exception) -> None:
        """Count an exception met while handling input `name`, and show it in the node's health."""
        bad_input = isinstance(error, ValueError)
        self._node.stats.count("bad_input" if bad_input else "callback_errors")
        text = str(error) if bad_input else f"{type(error).__name__}: {error}"
        self._node.faults.set(f"input {name}", Level.ERROR, f"{name}: {text}", _BAD_INPUT_SHOWN_S)

    def diagnostics(self) -> dict[str, object]:
        """QoS mismatches by topic; empty when there are none."""
        return {f"qos_mismatch {topic}": text for topic, text in self._mismatches.items()}

    def _mismatch(self, endpoint: Endpoint) -> Callable[[str], None]:
        def report(text: str) -> None:
            self._mismatches[endpoint.name] = text
            self._node.stats.count("qos_mismatches")
            self._node.faults.set(f"qos {endpoint.name}", Level.ERROR, text)
        return report
