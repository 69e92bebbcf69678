"""Health, counters and latencies of a node as diagnostic_msgs."""
from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.health import Health, assess
from smolvlm_ros.ros.interface import DIAGNOSTICS
from smolvlm_ros.ros.stats import Stats

_LEVELS = (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR,
           DiagnosticStatus.STALE)


def make_status(name: str, health: Health, stats: Stats,
                extra: Mapping[str, object] | None = None) -> DiagnosticStatus:
    """The status of a node.

    Args:
        name: fully qualified name of the node.
        health: level and message.
        stats: its counters become values of their names; a latency 'x' becomes x_p50_ms, x_p95_ms,
            x_p99_ms and x_count.
        extra: more values, such as the model that is loaded.
    """
    status = DiagnosticStatus(level=_LEVELS[health.level], name=name, message=health.text,
                              hardware_id="smolvlm_ros")
    values: dict[str, object] = {f"finding_{i}": f.text for i, f in enumerate(health.findings)}
    values.update(extra or {})
    values.update(stats.counters())
    for key, latency in stats.percentiles().items():
        values[f"{key}_p50_ms"] = f"{latency.p50:.3f}"
        values[f"{key}_p95_ms"] = f"{latency.p95:.3f}"
        values[f"{key}_p99_ms"] = f"{latency.p99:.3f}"
        values[f"{key}_count"] = latency.count
    status.values = [KeyValue(key=k, value=str(v)) for k, v in values.items()]
    return status


class Diagnostics:
    """Publishes the status of a FunnelNode on /diagnostics, by a steady clock.

    Args:
        node: a FunnelNode.
        clock: a steady clock: the node's own may stand still in simulation.
    """

    def __init__(self, node: Any, clock: Any) -> None:
        self._node = node
        self._publisher = node.create_publisher(DIAGNOSTICS.load_type(), DIAGNOSTICS.name, 10)
        self._clock = clock
        self._timer: Any = None
        self._period_s = 0.0
        self.keep_period()

    def publish(self) -> None:
        """Publish the status as it is now."""
        node, now_s = self._node, time.monotonic()
        node.endpoints.review_mismatches()
        watches = tuple(node.watches.values())
        health = assess(node.state, tuple((w.rule, w.facts) for w in watches),
                        node.faults.findings(now_s), now_s, node.worker_facts())
        extra: dict[str, object] = {"state": node.state}
        extra.update({f"{w.rule.name}_received": w.count for w in watches})
        extra.update(node.endpoints.diagnostics())
        try:
            extra.update(node.extra_diagnostics())
        except Exception as error:  # the rest must be told all the same
            extra["extra_diagnostics"] = in_words(error)
        message = DiagnosticArray()
        message.header.stamp = node.get_clock().now().to_msg()
        message.status = [make_status(node.get_fully_qualified_name(), health, node.stats, extra)]
        self._publisher.publish(message)

    def keep_period(self) -> None:
        """Run the timer at the period of the parameters, which may have changed."""
        wanted_s = self._node.settings.diagnostics_period_s
        if wanted_s != self._period_s:
            if self._timer is not None:
                self._node.destroy_timer(self._timer)
            self._period_s = wanted_s
            self._timer = self._node.create_timer(wanted_s, self.publish, clock=self._clock)
