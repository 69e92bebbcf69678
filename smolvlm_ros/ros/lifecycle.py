"""The lifecycle node that all nodes of the package derive from."""
from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from smolvlm_ros.ros.diagnostics import make_status
from smolvlm_ros.ros.endpoints import Endpoints
from smolvlm_ros.ros.faults import Faults
from smolvlm_ros.ros.health import InputRule, InputWatch, Level, assess
from smolvlm_ros.ros.interface import DIAGNOSTICS, Interface
from smolvlm_ros.ros.parameters import NodeSettings, Parameters
from smolvlm_ros.ros.stats import Stats
from smolvlm_ros.settings import SettingError

S = TypeVar("S", bound=NodeSettings)
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


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
        self.parameters: Parameters[S] = Parameters(self.settings_class, overrides)  # type: ignore[arg-type]
        self.parameters.declare(self)
        self.stats = Stats()
        self.faults = Faults(self.get_logger())
        self.watches: dict[str, InputWatch] = {}
        self.endpoints = Endpoints(self)
        self._owned: list[tuple[str, Callable[[], Any]]] = []
        self._active_from = 0
        self._refuse_bad_transitions()
        self._steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._diagnostics = self.create_publisher(DiagnosticArray, DIAGNOSTICS.name, 10)
        self.create_timer(self.settings.diagnostics_period_s, self._publish_diagnostics,
                          clock=self._steady)
        self.start_tried = threading.Event()  # set once the node has tried to start, or will not
        self._start_timer = self.create_timer(0.01, self._autostart, clock=self._steady)

    # For subclasses ------------------------------------------------------------------------

    @property
    def settings(self) -> S:
        """The parameters' present values."""
        return self.parameters.current

    @property
    def state(self) -> str:
        """Label of the lifecycle state: 'unconfigured', 'inactive', 'active', …"""
        return str(self._state_machine.current_state[1])

    def setup(self) -> None:
        """Load what the node needs; raise to refuse with a reason."""

    def start(self) -> None:
        """Begin to work: subscribe, start timers and workers."""

    def apply(self, settings: S) -> None:
        """Take new run-time values; `settings` differs from the old in runtime parameters at most."""

    def extra_diagnostics(self) -> Mapping[str, object]:
        """More values for /diagnostics."""
        return {}

    def own(self, name: str, close: Callable[[], Any]) -> None:
        """Have `close` called when the present phase (configured or active) ends."""
        self._owned.append((name, close))

    def watch(self, rule: InputRule) -> InputWatch:
        """Watch an input's health while the node is active."""
        watch = InputWatch(rule, time.monotonic())
        self.watches[rule.name] = watch
        self.own(f"watch of {rule.name}", lambda: self.watches.pop(rule.name, None))
        return watch

    def tick(self, period_s: float, callback: Callable[[], None]) -> None:
        """Call `callback` every so often, in steady time, until the present phase ends."""
        timer = self.create_timer(period_s, callback, clock=self._steady)
        self.own("timer", lambda: self.destroy_timer(timer))

    def age_s(self, stamp: Any) -> float:
        """Age of a builtin_interfaces/Time by the node's clock, in seconds."""
        now_ns = self.get_clock().now().nanoseconds
        return (now_ns - stamp.sec * 1_000_000_000 - stamp.nanosec) * 1e-9

    # Lifecycle -----------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Set up; FAILURE with the reason, and everything closed again, when that fails."""
        begin = time.perf_counter()
        try:
            if self.parameters.problems:
                raise ConfigureError("; ".join(self.parameters.problems))
            self.setup()
        except Exception as error:  # a model library may raise anything; the node must stay usable
            self._close_from(0)
            self.stats.count("configure_failures")
            self.faults.set("configure", Level.ERROR, f"configure failed: {_words(error)}")
            self.get_logger().debug(traceback.format_exc())
            return FAILURE
        self.faults.clear("configure")
        self._active_from = len(self._owned)
        self.get_logger().info(f"configured in {time.perf_counter() - begin:.2f} s")
        return SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start working; FAILURE with the reason when that fails."""
        try:
            self.start()
        except Exception as error:
            self._close_from(self._active_from)
            self.faults.set("activate", Level.ERROR, f"activate failed: {_words(error)}")
            return FAILURE
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
        """Release everything and destroy the node; for the end of the process."""
        self._close_from(0)
        self.destroy_node()

    def _close_from(self, first: int) -> None:
        while len(self._owned) > first:
            name, close = self._owned.pop()
            try:
                close()
            except Exception as error:  # the rest must be closed too
                self.get_logger().error(f"closing {name} failed: {_words(error)}")

    def _autostart(self) -> None:
        self._start_timer.cancel()
        if self.parameters.problems:
            self.faults.set("parameters", Level.ERROR, "; ".join(self.parameters.problems))
        if self.settings.autostart and self.state == "unconfigured":
            self.trigger_configure()
        if self.settings.autostart and self.state == "inactive":
            self.trigger_activate()
        self.start_tried.set()
        if self.state != "active" and self.settings.autostart and self.settings.autostart_retry_s > 0:
            self.destroy_timer(self._start_timer)
            self._start_timer = self.create_timer(self.settings.autostart_retry_s, self._autostart,
                                                  clock=self._steady)

    def _refuse_bad_transitions(self) -> None:
        # rclpy lets an impossible transition request raise through the executor, which would end
        # the process; such a request is refused instead.
        service = self._service_change_state
        answer = service.callback

        def guarded(request: Any, response: Any) -> Any:
            try:
                return answer(request, response)
            except Exception as error:
                self.get_logger().error(f"transition refused in state {self.state}: {error}")
                response.success = False
                return response
        service.callback = guarded

    # Parameters ----------------------------------------------------------------------------

    def set_parameters(self, parameter_list: Sequence[Any]) -> list[SetParametersResult]:
        """Set each by itself, as ROS defines it; see `set_parameters_atomically`."""
        return [self.set_parameters_atomically([p]) for p in parameter_list]

    def set_parameters_atomically(self, parameter_list: Sequence[Any]) -> SetParametersResult:
        """Set all or none; a refusal names every bad value, its limit and the fix."""
        if not hasattr(self, "parameters"):  # rclpy sets parameters of its own while constructing
            return super().set_parameters_atomically(parameter_list)
        configured = self.state not in ("unconfigured", "finalized")
        try:
            made = self.parameters.check(parameter_list, configured)
        except SettingError as error:
            self.get_logger().warn(f"parameters refused: {error}")
            return SetParametersResult(successful=False, reason=str(error))
        result = super().set_parameters_atomically(parameter_list)
        if result.successful:
            if made != self.parameters.current:
                self.parameters.accept(made)
            if configured:  # also when nothing differs: what a path names may have been edited
                self.apply(made)
        return result

    # Diagnostics ---------------------------------------------------------------------------

    def _publish_diagnostics(self) -> None:
        now_s = time.monotonic()
        watched = tuple((w.rule, w.facts) for w in tuple(self.watches.values()))
        health = assess(self.state, watched, self.faults.findings(now_s), now_s)
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        extra: dict[str, object] = {"state": self.state}
        extra.update({f"{w.rule.name}_received": w.count for w in tuple(self.watches.values())})
        extra.update(self.endpoints.diagnostics())
        try:
            extra.update(self.extra_diagnostics())
        except Exception as error:
            extra["extra_diagnostics"] = _words(error)
        message.status = [make_status(self.get_fully_qualified_name(), health, self.stats, extra)]
        self._diagnostics.publish(message)


def _words(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text if isinstance(error, (ValueError, RuntimeError, OSError)) else (
        f"{type(error).__name__}: {text}")
