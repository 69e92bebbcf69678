"""The lifecycle node that all nodes of the package derive from."""
from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, Generic, TypeVar

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from smolvlm_ros.ros.autostart import Autostart
from smolvlm_ros.ros.diagnostics import Diagnostics
from smolvlm_ros.ros.endpoints import Endpoints
from smolvlm_ros.ros.faults import Faults, in_words
from smolvlm_ros.ros.health import InputRule, InputWatch, Level, WorkerFacts
from smolvlm_ros.ros.interface import Interface
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings, Parameters
from smolvlm_ros.ros.stats import Stats
from smolvlm_ros.ros.transitions import guard_transitions

S = TypeVar("S", bound=NodeSettings)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
_ERROR_SHOWN_S = 10.0
# How long a busy worker is waited for: at deactivation, and at the end of the process.
_PATIENCE_S, _LAST_PATIENCE_S = 10.0, 3.0


class ConfigureError(RuntimeError):
    """The node cannot be configured; the text says why and what to do."""


class FunnelNode(LifecycleNode, Generic[S]):  # type: ignore[misc]
    """A lifecycle node with checked parameters, owned resources, health and diagnostics.

    A subclass gives `settings_class` and `interface`, and any of these:

    - `setup()`: load models, open files; raise to refuse (configure then ends in FAILURE with the
      reason, and what was made until then is closed again, so that configure can be retried);
    - `start()`: subscribe and begin to work;
    - `apply(settings)`: take new values of the parameters that change at run time;
    - `extra_diagnostics()`: more values for /diagnostics.

    Whatever is given to `own` is closed in reverse order: what `setup` made at clean-up, what
    `start` made at deactivation.
    """

    settings_class: ClassVar[type[NodeSettings]]
    interface: ClassVar[Interface]
    default_name: ClassVar[str]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(self.default_name, **kwargs)
        overrides = {k: p.value for k, p in self._parameter_overrides.items()}
        kind: Any = self.settings_class
        self.parameters: Parameters[S] = Parameters(kind, overrides)
        self.parameters.declare(self)
        self.stats = Stats()
        self.faults = Faults(self.get_logger())
        self.watches: dict[str, InputWatch] = {}
        self.endpoints = Endpoints(self)
        self.steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._workers: dict[str, tuple[Mailbox[Any], Callable[[], float]]] = {}
        self._owned: list[tuple[str, Callable[[], Any]]] = []
        self._active_from = 0
        self._closed = False
        self._patience_s = _PATIENCE_S
        self._diagnostics = Diagnostics(self, self.steady_clock)
        self._autostart = Autostart(self, self.steady_clock)
        guard_transitions(self, self._autostart.give_up)

    # For subclasses ------------------------------------------------------------------------

    @property
    def settings(self) -> S:
        """The parameters' present values."""
        return self.parameters.current

    @property
    def state(self) -> str:
        """Label of the lifecycle state: 'unconfigured', 'inactive', 'active', …"""
        return str(self._state_machine.current_state[1])

    @property
    def start_tried(self) -> threading.Event:
        """Set once the node has tried to start by itself, or will not."""
        return self._autostart.tried

    def setup(self) -> None:
        """Load what the node needs; raise to refuse with a reason."""

    def start(self) -> None:
        """Begin to work: subscribe, start timers and workers."""

    def apply(self, settings: S) -> None:
        """Take new run-time values; raise to refuse them, with nothing changed.

        `settings` differs from the old in runtime parameters at most. It may not differ at all:
        what a path names can have been edited, and setting it again reads it again.
        """

    def hurry(self) -> None:
        """Let every callback that waits come back: the process is about to end."""

    def extra_diagnostics(self) -> Mapping[str, object]:
        """More values for /diagnostics."""
        return {}

    def own(self, name: str, close: Callable[[], Any]) -> None:
        """Have `close` called when the present phase (configured or active) ends."""
        self._owned.append((name, close))

    def own_worker(self, name: str, worker: Mailbox[Any], limit_s: Callable[[], float]) -> None:
        """Own a worker, and watch its health: an item that takes longer than the limit is dead."""
        self._workers[name] = (worker, limit_s)

        def close() -> None:
            del self._workers[name]
            if not worker.close(self._patience_s):
                raise RuntimeError("it is still busy; what it holds stays in memory until it ends")
        self.own(f"worker {name}", close)

    def watch(self, rule: InputRule) -> InputWatch:
        """Watch an input's health while the node is active."""
        watch = InputWatch(rule, time.monotonic())
        self.watches[rule.name] = watch
        self.own(f"watch of {rule.name}", lambda: self.watches.pop(rule.name, None))
        return watch

    def worker_facts(self) -> tuple[WorkerFacts, ...]:
        """What is known of the owned workers."""
        return tuple(WorkerFacts(name, worker.busy_since_s, limit_s())
                     for name, (worker, limit_s) in tuple(self._workers.items()))

    def age_s(self, stamp: Any) -> float:
        """Age of a builtin_interfaces/Time by the node's clock, in seconds."""
        now_ns = self.get_clock().now().nanoseconds
        return float(now_ns - stamp.sec * 1_000_000_000 - stamp.nanosec) * 1e-9

    def escaped(self, error: Exception) -> None:
        """Count and show an exception that escaped a callback; the executor calls this."""
        self.stats.count("callback_errors")
        self.faults.set("callback", Level.ERROR, f"a callback failed: {in_words(error)}",
                        _ERROR_SHOWN_S)

    # Lifecycle -----------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; FAILURE with the reason, and everything closed again, when that fails."""
        begin = time.perf_counter()
        try:
            if self.parameters.problems:
                raise ConfigureError("; ".join(self.parameters.problems))
            self.setup()
        except Exception as error:  # a model library may raise anything; the node must stay usable
            return self._give_up("configure", 0, error)
        self.faults.clear("configure")
        self.faults.clear("parameters")
        self._active_from = len(self._owned)
        self.get_logger().info(f"configured in {time.perf_counter() - begin:.2f} s")
        return SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start working; FAILURE with the reason when that fails."""
        try:
            self.start()
        except Exception as error:
            return self._give_up("activate", self._active_from, error)
        self.faults.clear("activate")
        self.get_logger().info("active")
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working; what was configured stays loaded."""
        self._close_from(self._active_from)
        return SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release what configure loaded."""
        self._close_from(0)
        self.faults.clear_all()
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release, from any state."""
        self._close_from(0)
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything, so that the node can be configured again."""
        self._close_from(0)
        return SUCCESS

    def close(self) -> None:
        """Release everything and destroy the node, in whatever state; again does nothing."""
        if not self._closed:
            self._closed = True
            self._patience_s = _LAST_PATIENCE_S
            self._close_from(0)
            self.destroy_node()

    def _give_up(self, what: str, first: int, error: Exception) -> TransitionCallbackReturn:
        self._close_from(first)
        self.stats.count(f"{what}_failures")
        self.faults.set(what, Level.ERROR, f"{what} failed: {in_words(error)}")
        if not isinstance(error, (ValueError, RuntimeError, OSError)):  # a defect, not a refusal
            self.get_logger().error(traceback.format_exc())
        return FAILURE

    def _close_from(self, first: int) -> None:
        while len(self._owned) > first:
            name, close = self._owned.pop()
            try:
                close()
            except Exception as error:  # the rest must be closed too
                self.get_logger().error(f"closing {name} failed: {in_words(error)}")

    # Parameters ----------------------------------------------------------------------------

    def set_parameters(self, parameter_list: Sequence[Any]) -> list[SetParametersResult]:
        """Set each by itself, as ROS defines it; see `set_parameters_atomically`."""
        return [self.set_parameters_atomically([p]) for p in parameter_list]

    def set_parameters_atomically(self, parameter_list: Sequence[Any]) -> SetParametersResult:
        """Set all or none; a refusal names every bad value, its limit and the fix."""
        if not hasattr(self, "parameters"):  # rclpy sets parameters of its own while constructing
            return super().set_parameters_atomically(list(parameter_list))
        configured = self.state not in ("unconfigured", "finalized")
        applied = False
        with self.parameters.lock:
            try:
                change = self.parameters.check(parameter_list, configured)
                applied = configured  # also when nothing differs: a file may have been edited
                if applied:
                    self.apply(change.settings)
                result = super().set_parameters_atomically(change.parameters)
            except Exception as error:  # the caller gets an answer, whatever apply meets
                result = SetParametersResult(successful=False, reason=in_words(error))
            if result.successful:
                self.parameters.accept(change)
                self._diagnostics.keep_period()
                return result
            if applied:  # all or nothing
                with suppress(Exception):
                    self.apply(self.settings)
        self.get_logger().warning(f"parameters refused: {result.reason}")
        return result
