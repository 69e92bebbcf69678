"""QoS profiles from parameters, and mismatches that are logged and counted instead of silent."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

from smolvlm_ros.settings import Settings, setting

_RELIABILITY = ("Whether lost messages are sent again; a reliable input cannot hear a best-effort "
                "output.")
_DEPTH = "How many messages are kept for a slow receiver."
_CHOICES = ("best_effort", "reliable")


@dataclass(frozen=True)
class CameraQos(Settings):
    """QoS of what cameras publish: sensor data, only the newest counts."""

    reliability: str = setting("best_effort", _RELIABILITY, choices=_CHOICES)
    depth: int = setting(1, _DEPTH, unit="messages", ge=1, le=1000)


@dataclass(frozen=True)
class FunnelQos(Settings):
    """QoS between the stages: few messages, each of which counts."""

    reliability: str = setting("reliable", _RELIABILITY, choices=_CHOICES)
    depth: int = setting(10, _DEPTH, unit="messages", ge=1, le=1000)


def make_profile(reliability: str, depth: int, latched: bool = False) -> QoSProfile:
    """A keep-last profile; latched makes it transient local."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=depth,
        reliability=(ReliabilityPolicy.RELIABLE if reliability == "reliable"
                     else ReliabilityPolicy.BEST_EFFORT),
        durability=(DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE))


def _policy_name(kind: Any) -> str:
    try:
        return str(QoSPolicyKind(int(kind)).name).lower()
    except ValueError:
        return f"policy {kind}"


def subscription_events(topic: str, report: Callable[[str], None]) -> SubscriptionEventCallbacks:
    """Callbacks that report, in words, a publisher whose QoS this input cannot hear."""
    def incompatible(event: Any) -> None:
        report(f"{topic}: {event.total_count} publisher(s) offer QoS this node cannot receive "
               f"(last policy: {_policy_name(event.last_policy_kind)}); "
               "set the input's reliability parameter to what the publisher offers")
    return SubscriptionEventCallbacks(incompatible_qos=incompatible)


def publisher_events(topic: str, report: Callable[[str], None]) -> PublisherEventCallbacks:
    """Callbacks that report, in words, a subscriber that asks for more than is offered."""
    def incompatible(event: Any) -> None:
        report(f"{topic}: {event.total_count} subscriber(s) ask for QoS this node does not offer "
               f"(last policy: {_policy_name(event.last_policy_kind)}); "
               "lower the subscriber's demand or set the output's QoS parameters")
    return PublisherEventCallbacks(incompatible_qos=incompatible)
