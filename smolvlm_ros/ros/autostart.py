"""Starting a lifecycle node by itself, and again after a failure."""
from __future__ import annotations

import threading
from typing import Any

from smolvlm_ros.ros.health import Level

_AT_ONCE_S = 0.01


class Autostart:
    """Configures and activates a node once it spins, where its parameter `autostart` says so.

    A start that failed is tried again after `autostart_retry_s`, until somebody else takes the
    node's life cycle into his hands.

    Args:
        node: a FunnelNode.
        clock: a steady clock: the node's own may stand still in simulation.

    Attributes:
        tried: set once the node has tried to start, or will not.
    """

    def __init__(self, node: Any, clock: Any) -> None:
        self.tried = threading.Event()
        self._node = node
        self._clock = clock
        self._given_up = False
        self._timer = node.create_timer(_AT_ONCE_S, self._start, clock=clock)

    def give_up(self) -> None:
        """Leave the node to whoever asked for a transition."""
        self._given_up = True

    def _start(self) -> None:
        node = self._node
        node.destroy_timer(self._timer)
        try:
            if node.parameters.problems:
                node.faults.set("parameters", Level.ERROR, "; ".join(node.parameters.problems))
            if self._wanted and node.state == "unconfigured":
                node.trigger_configure()
            if self._wanted and node.state == "inactive":
                node.trigger_activate()
        finally:
            self.tried.set()
            retry_s = node.settings.autostart_retry_s
            if self._wanted and node.state in ("unconfigured", "inactive") and retry_s > 0:
                self._timer = node.create_timer(retry_s, self._start, clock=self._clock)

    @property
    def _wanted(self) -> bool:
        return bool(self._node.settings.autostart) and not self._given_up
