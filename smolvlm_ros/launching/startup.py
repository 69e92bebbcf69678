"""Start lifecycle processes one after the other, each when the one before is active.

The nodes configure and activate themselves (their parameter `autostart`), so that one which died
and was respawned comes back without anybody's help; here only the order is kept. States are asked
for, not listened to: a node may be active before its `transition_event` has found its listener.
"""
from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import launch.logging
from launch import LaunchContext
from launch.actions import ExecuteLocal, OpaqueCoroutine
from launch.events import IncludeLaunchDescription
from launch_ros.ros_adapters import get_ros_node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState

from smolvlm_ros.launching.scope import Scope

LIMIT_S = 60.0      # a model is loaded by then; if not, the others need not wait for it
_PERIOD_S = 0.1
_ANSWER_S = 1.0
_REFUSED_S = 1.0    # a node that starts by itself leaves 'unconfigured' at once, or has refused


@dataclass(frozen=True)
class Stage:
    """A process to start, and the full names of its lifecycle nodes."""

    process: ExecuteLocal
    nodes: Sequence[str]


def full_name(context: LaunchContext, namespace: str, node: str = "") -> str:
    """A node's name with the namespace it gets here, that of the surrounding group included."""
    pushed = context.launch_configurations.get("ros_namespace")
    return (make_namespace_absolute(prefix_namespace(pushed, namespace)).rstrip("/") + "/"
            + node).rstrip("/") or "/"


def start_in_order(context: LaunchContext, stages: Sequence[Stage], after: Sequence[str] = (),
                   limit_s: float = LIMIT_S) -> OpaqueCoroutine:
    """An action that starts processes one by one, each in the scope of this moment.

    Each starts when the nodes of the one before are active. One that refuses to configure, dies or
    takes longer than `limit_s` is named in the log and does not hold up the others.

    Args:
        context: of the launch.
        stages: in the order of starting.
        after: full names of nodes that must be active before the first one starts; for these there
            is no limit.
        limit_s: seconds.
    """
    return OpaqueCoroutine(coroutine=_start, args=[Scope(context), stages, after, limit_s])


async def _start(context: LaunchContext, scope: Scope, stages: Sequence[Stage],
                 after: Sequence[str], limit_s: float) -> None:
    logger = launch.logging.get_logger("smolvlm_ros")
    try:
        await _wait(context, after, lambda probes: all(p.active for p in probes))
        for stage in stages:
            await context.emit_event(IncludeLaunchDescription(scope.around(stage.process)))
            for name in await _wait(context, stage.nodes, _Settled(stage, limit_s)):
                logger.warning(f"{name} is not active; going on without it. Its log says why, and "
                               "it goes on trying")
    except asyncio.CancelledError:
        return  # the launch ends; a cancelled future would make it leave its processes behind
    logger.info("started " + ", ".join(n for stage in stages for n in stage.nodes))


class _Settled:
    """Whether waiting for a stage has an end: all active or refused, dead, or the time is over."""

    def __init__(self, stage: Stage, limit_s: float) -> None:
        self._process = stage.process
        self._end = time.monotonic() + limit_s

    def __call__(self, probes: Sequence[_Probe]) -> bool:
        return (all(p.active or p.refused for p in probes) or time.monotonic() > self._end
                or self._process.return_code is not None)


async def _wait(context: LaunchContext, names: Sequence[str],
                enough: Callable[[Sequence[_Probe]], bool]) -> list[str]:
    """Ask the nodes for their states until it is enough; returns those that are not active."""
    probes = [_Probe(get_ros_node(context), name) for name in names]
    try:
        while True:
            for probe in probes:
                if not probe.active:
                    await probe.look()
            if enough(probes):
                return [p.name for p in probes if not p.active]
            await asyncio.sleep(_PERIOD_S)
    finally:
        if not context.is_shutdown:  # else launch has destroyed them together with its node
            for probe in probes:
                probe.close()


@dataclass
class _Probe:
    """Asks one lifecycle node for its state."""

    node: Any
    name: str
    active: bool = False
    refused: bool = False
    _client: Any = field(init=False)
    _unconfigured_since: float | None = None

    def __post_init__(self) -> None:
        self._client = self.node.create_client(GetState, f"{self.name}/get_state")

    async def look(self) -> None:
        """Bring `active` and `refused` up to date; a node that does not answer changes nothing."""
        state = await self._ask()
        if state is None:
            return
        self.active = state == State.PRIMARY_STATE_ACTIVE
        now = time.monotonic()
        if state != State.PRIMARY_STATE_UNCONFIGURED:
            self._unconfigured_since = None
        elif self._unconfigured_since is None:
            self._unconfigured_since = now
        self.refused = state == State.PRIMARY_STATE_FINALIZED or (
            self._unconfigured_since is not None and now - self._unconfigured_since >= _REFUSED_S)

    async def _ask(self) -> int | None:
        if not self._client.service_is_ready():
            return None
        future = self._client.call_async(GetState.Request())
        end = time.monotonic() + _ANSWER_S
        while not future.done():
            if time.monotonic() > end:  # it is configuring: its executor is busy
                self._client.remove_pending_request(future)
                return None
            await asyncio.sleep(0.01)
        return int(future.result().current_state.id)

    def close(self) -> None:
        """Give the client back."""
        self.node.destroy_client(self._client)
