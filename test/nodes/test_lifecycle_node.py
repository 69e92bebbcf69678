"""The life of a node: failures that leave nothing behind, retries, health, an end at any time."""
from __future__ import annotations

import threading
import time
from typing import Any

import pytest

pytest.importorskip("vision_msgs.msg", reason="needs ROS 2 and the built interfaces")

from example_node import ExampleNode, Header, Trigger  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from peer import Peer, fresh_namespace, running, wait_for  # noqa: E402

from smolvlm_ros.ros import health  # noqa: E402
from smolvlm_ros.ros.mailbox import Mailbox  # noqa: E402

OPENED = ["open model", "open file", "open cache", "open stream"]


def change(peer: Peer, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(peer.call("example/change_state", ChangeState, request).success)


def state(peer: Peer) -> str:
    return str(peer.call("example/get_state", GetState, GetState.Request()).current_state.label)


def entities(node: Any) -> dict[str, int]:
    return {kind: len(list(getattr(node, kind)))
            for kind in ("publishers", "subscriptions", "services", "timers", "waitables")}


class TestTransitions:
    def test_what_a_failed_configure_made_is_closed_and_it_can_be_tried_again(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False) as node:
            node.setup_error = FileNotFoundError("model.onnx is missing; fetch it")
            assert not change(peer, Transition.TRANSITION_CONFIGURE)
            assert node.log == ["open model", "open file", "close file", "close model"]
            peer.await_error("example", "configure failed: model.onnx is missing; fetch it")
            assert state(peer) == "unconfigured"
            node.setup_error = None
            node.log.clear()
            assert change(peer, Transition.TRANSITION_CONFIGURE)
            assert change(peer, Transition.TRANSITION_ACTIVATE)
            assert node.log == OPENED
            peer.await_status("example", lambda level, text, _: "configure failed" not in text,
                              "the end of the fault")

    def test_a_library_that_raises_anything_is_a_failure_too(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False) as node:
            node.setup_error = KeyError("onnxruntime")
            assert not change(peer, Transition.TRANSITION_CONFIGURE)
            peer.await_error("example", "configure failed: KeyError: 'onnxruntime'")
            assert state(peer) == "unconfigured"

    def test_a_failed_activate_closes_what_it_made_and_keeps_what_was_configured(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False) as node:
            node.start_error = RuntimeError("no camera")
            assert change(peer, Transition.TRANSITION_CONFIGURE)
            before = entities(node)
            assert not change(peer, Transition.TRANSITION_ACTIVATE)
            assert node.log == [*OPENED, "close stream"] and entities(node) == before
            peer.await_error("example", "activate failed: no camera")
            assert state(peer) == "inactive"
            node.start_error = None
            assert change(peer, Transition.TRANSITION_ACTIVATE) and state(peer) == "active"

    def test_everything_is_closed_in_reverse_phase_by_phase(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            node.log.clear()
            assert change(peer, Transition.TRANSITION_DEACTIVATE)
            assert node.log == ["close stream"]
            assert change(peer, Transition.TRANSITION_CLEANUP)
            assert node.log == ["close stream", "close cache", "close file", "close model"]
            assert state(peer) == "unconfigured"

    def test_round_after_round_leaves_nothing_behind(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            before, threads = entities(node), threading.active_count()
            for _ in range(3):
                for step in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
                             Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
                    assert change(peer, step)
            assert entities(node) == before and threading.active_count() == threads
            heard: list[Header] = []
            node.on_message = heard.append
            peer.send("input", Header(frame_id="x"))
            wait_for(lambda: heard, "a message after all that")

    def test_closing_goes_on_past_what_fails(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            def fail() -> None:
                raise RuntimeError("the file is gone")
            node.own("file", fail)
            assert change(peer, Transition.TRANSITION_DEACTIVATE)
            assert node.log[-1] == "close stream"

    @pytest.mark.parametrize("step", [Transition.TRANSITION_ACTIVATE,
                                      Transition.TRANSITION_DEACTIVATE,
                                      Transition.TRANSITION_CLEANUP, 99])
    def test_an_impossible_transition_is_refused_and_the_node_lives_on(self, step: int) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False):
            assert not change(peer, step)
            assert state(peer) == "unconfigured"
            assert change(peer, Transition.TRANSITION_CONFIGURE)

    def test_shutdown_from_any_state_closes_everything(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            assert change(peer, Transition.TRANSITION_ACTIVE_SHUTDOWN)
            assert state(peer) == "finalized"
            assert node.log[-1] == "close model"


class TestAutostart:
    def test_a_start_that_failed_is_tried_again(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer:
            node = Failing(namespace, failures=2)
            with spun(node):
                wait_for(lambda: node.state == "active", "the third start")
                assert node.tries == 3
                peer.await_status("example", lambda level, text, values: "configure" not in text
                                  and values.get("configure_failures") == "2", "two failures")

    def test_whoever_asks_for_a_transition_has_the_node_in_hand(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer:
            node = Failing(namespace, failures=10**6)
            with spun(node):
                wait_for(lambda: node.tries >= 2, "a second try")
                assert not change(peer, Transition.TRANSITION_CONFIGURE)
                tries = node.tries
                time.sleep(0.4)
                assert node.tries == tries and node.state == "unconfigured"


class Failing(ExampleNode):
    """Fails to configure so many times."""

    def __init__(self, namespace: str, failures: int) -> None:
        from rclpy.parameter import Parameter

        self.failures = failures
        self.tries = 0
        values = {"autostart": True, "autostart_retry_s": 0.1, "diagnostics_period_s": 0.1}
        super().__init__(namespace=namespace, parameter_overrides=[
            Parameter(name, value=value) for name, value in values.items()])

    def setup(self) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise RuntimeError("not yet")


class spun:  # noqa: N801 - reads as a word in a with statement
    """Spins a node that has been made, and stops it."""

    def __init__(self, node: Any) -> None:
        from smolvlm_ros.ros.process import Spinner

        self._spinner = Spinner(node)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        assert self._spinner.stop()


class TestHealth:
    def test_a_callback_that_raises_is_counted_and_shown_and_the_next_message_is_heard(
            self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            heard: list[str] = []

            def on_message(message: Header) -> None:
                if message.frame_id == "bad":
                    raise ValueError("frame_id is bad; send another")
                if message.frame_id == "defect":
                    raise KeyError("oops")
                heard.append(message.frame_id)

            node.on_message = on_message
            for frame_id in ("bad", "defect", "good"):
                peer.send("input", Header(frame_id=frame_id))
            wait_for(lambda: heard == ["good"], "the good message")
            _, _, values = peer.await_status(
                "example", lambda level, text, values: level == 2
                and values.get("bad_input") == "1" and values.get("callback_errors") == "1",
                "both counted")
            assert "input: KeyError: 'oops'" in values["finding_0"]

    def test_an_exception_that_no_guard_catches_does_not_end_the_spinning(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            def burst() -> None:
                node.destroy_timer(timer)
                raise ZeroDivisionError("a defect")
            timer = node.create_timer(0.01, burst)
            peer.await_error("example", "a callback failed: ZeroDivisionError: a defect")
            assert state(peer) == "active"

    def test_a_service_that_fails_answers_all_the_same(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            def fail() -> None:
                raise ZeroDivisionError("a defect")
            node.on_work = fail
            answer = peer.call("example/work", Trigger, Trigger.Request())
            assert (answer.success, answer.message) == (False, "a defect")
            peer.await_error("example", "~/work: ZeroDivisionError: a defect")
            node.on_work = lambda: None
            assert peer.call("example/work", Trigger, Trigger.Request()).success

    def test_a_lost_input_is_an_error_though_the_process_lives_and_it_may_come_back(
            self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(health, "_RECOVERED_FOR_S", 0.2)
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            node.on_message = lambda _: node.watched.arrived(time.monotonic())
            peer.await_error("example", "nothing has ever come on input")

            def coming() -> bool:  # one message alone would be lost again before anybody looks
                peer.send("input", Header())
                return True
            peer.await_status("example", lambda level, *_: coming() and level == 0, "health")
            monkeypatch.setattr(health, "_RECOVERED_FOR_S", 60.0)
            peer.await_error("example", "input lost: silent for")
            peer.await_status("example", lambda level, text, _: coming() and level == 1
                              and "is back" in text, "its return")

    def test_a_dead_model_is_an_error_though_the_process_lives(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
            node.dead_after_s = 0.1
            node.worker.put("a frame it never comes back from")
            peer.await_error("example", "model is dead:")
            node.release.set()
            peer.await_status("example", lambda _, text, __: "model is dead" not in text, "its end")

    def test_an_inactive_node_is_never_ok(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False):
            peer.await_status("example", lambda level, text, values: level == 1
                              and "not active: unconfigured" in text
                              and values["state"] == "unconfigured" and values["gain"] == "1.0",
                              "a warning")


    def test_in_simulation_it_starts_and_tells_its_health_before_time_does(self) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, use_sim_time=True) as node:
            assert node.get_clock().now().nanoseconds == 0  # nobody publishes /clock
            peer.await_status("example", lambda *s: s[2]["state"] == "active", "diagnostics")


class TestClose:
    @pytest.mark.parametrize("steps", [
        [], [Transition.TRANSITION_CONFIGURE],
        [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE],
        [Transition.TRANSITION_UNCONFIGURED_SHUTDOWN]])
    def test_in_every_state_and_twice(self, steps: list[int]) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer, running(ExampleNode, namespace, active=False) as node:
            for step in steps:
                assert change(peer, step)
        assert node.log.count("open model") == node.log.count("close model")
        node.close()  # `running` has closed it already
        assert not [t for t in threading.enumerate() if t.name == "example worker"]

    def test_while_a_worker_is_busy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("smolvlm_ros.ros.lifecycle._LAST_PATIENCE_S", 0.05)
        namespace = fresh_namespace()
        with running(ExampleNode, namespace) as node:
            worker: Mailbox[str] = node.worker
            worker.put("long work")
            wait_for(lambda: worker.busy_since_s, "the work")
        assert node.log[-1] == "close model"  # it did not wait for it
        node.release.set()
        assert worker.close()
