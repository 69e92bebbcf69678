"""Health, counters and latencies of a node as diagnostic_msgs."""
from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from smolvlm_ros.ros.health import Health
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
