"""Parameters over DDS, as `ros2 param` and a parameter file set them."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vision_msgs.msg", reason="needs ROS 2 and the built interfaces")

from example_node import ExampleNode  # noqa: E402
from lifecycle_msgs.msg import Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState  # noqa: E402
from peer import Peer, fresh_namespace, running, wait_for  # noqa: E402
from rcl_interfaces.srv import (  # noqa: E402
    DescribeParameters,
    GetParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.parameter import Parameter  # noqa: E402

from smolvlm_ros.ros.process import Spinner  # noqa: E402


def messages(values: dict[str, Any]) -> list[Any]:
    return [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]


def set_each(peer: Peer, values: dict[str, Any]) -> list[tuple[bool, str]]:
    request = SetParameters.Request(parameters=messages(values))
    results = peer.call("example/set_parameters", SetParameters, request).results
    return [(r.successful, r.reason) for r in results]


def set_all(peer: Peer, values: dict[str, Any]) -> tuple[bool, str]:
    request = SetParametersAtomically.Request(parameters=messages(values))
    result = peer.call("example/set_parameters_atomically", SetParametersAtomically, request).result
    return result.successful, result.reason


def get(peer: Peer, name: str) -> Any:
    request = GetParameters.Request(names=[name])
    (value,) = peer.call("example/get_parameters", GetParameters, request).values
    return value


def change(peer: Peer, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return bool(peer.call("example/change_state", ChangeState, request).success)


def test_a_running_node_takes_a_new_value() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
        assert set_each(peer, {"gain": 2}) == [(True, "")]  # an integer where a double is meant
        assert node.settings.gain == 2.0 and node.applied == [2.0]
        assert (get(peer, "gain").type, get(peer, "gain").double_value) == (3, 2.0)
        peer.await_status("example", lambda *s: s[2]["gain"] == "2.0", "the new value")


@pytest.mark.parametrize(("values", "words"), [
    ({"gain": 11.0}, "gain = 11.0 is above its greatest value 10 m; use 0 to 10 m"),
    ({"gain": "much"}, "gain = 'much' has type str, expected double"),
    ({"file": "x"}, "file cannot change while the node is configured; clean the node up"),
    ({"gian": 1.0}, "gian is not a parameter of this node; did you mean gain?"),
    ({"low": 9}, "low = 9 is above high; swap them"),
])
def test_a_refusal_names_the_value_its_limit_and_the_fix(values: dict[str, Any],
                                                         words: str) -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
        before = node.settings
        ((successful, reason),) = set_each(peer, values)
        assert not successful and words in reason
        assert node.settings == before and node.applied == []


def test_all_or_nothing() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
        successful, reason = set_all(peer, {"gain": 3.0, "high": -4, "low": -5})
        assert not successful and "low = -5" in reason
        assert (node.settings.gain, get(peer, "gain").double_value) == (1.0, 1.0)
        assert set_all(peer, {"low": 20, "high": 30}) == (True, "")  # they fit together only
        # one by one, as `ros2 param load` does it: each stands for itself
        assert [ok for ok, _ in set_each(peer, {"gain": 4.0, "low": -5, "high": 40})] == [
            True, False, True]
        assert (node.settings.gain, node.settings.low, node.settings.high) == (4.0, 20, 40)


def test_what_the_node_cannot_apply_is_refused_and_the_old_value_holds() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
        node.apply_error = KeyError("a model library's own error")
        ((successful, reason),) = set_each(peer, {"gain": 2.0})
        assert not successful and "KeyError" in reason
        assert node.applied == [2.0, 1.0]  # tried, and taken back
        assert (node.settings.gain, get(peer, "gain").double_value) == (1.0, 1.0)


def test_an_unconfigured_node_takes_every_parameter() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace, active=False) as node:
        assert set_each(peer, {"file": "x", "names": ["a", "b"]}) == [(True, "")] * 2
        assert (node.settings.file, node.settings.names) == ("x", ("a", "b"))
        assert node.applied == []  # configure will read them
        assert set_each(peer, {"names": []}) == [(True, "")]
        assert get(peer, "names").type == 9  # still a list of strings


def test_descriptions_come_from_the_declaration() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace, active=False):
        request = DescribeParameters.Request(names=["gain", "input_qos.reliability"])
        gain, reliability = peer.call("example/describe_parameters", DescribeParameters,
                                      request).descriptors
        assert gain.description == "A gain. [m]"
        assert gain.floating_point_range[0].to_value == 10.0
        assert "'best_effort', 'reliable'" in reliability.additional_constraints


def test_the_period_of_the_diagnostics_changes_while_running() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace, diagnostics_period_s=60.0):
        assert peer.status("example")[0] == -1
        assert set_each(peer, {"diagnostics_period_s": 0.1}) == [(True, "")]
        peer.await_status("example", lambda level, *_: level == 0, "diagnostics at the new period")


class TestParameterFile:
    def started(self, tmp_path: Path, namespace: str, lines: list[str]) -> ExampleNode:
        file = tmp_path / "params.yaml"
        file.write_text("\n".join(["/**:", "  ros__parameters:", "    autostart: true",
                                   "    autostart_retry_s: 0.0", "    diagnostics_period_s: 0.1",
                                   *(f"    {line}" for line in lines)]) + "\n")
        return ExampleNode(namespace=namespace,
                           cli_args=["--ros-args", "--params-file", str(file)])

    def test_good_values(self, tmp_path: Path) -> None:
        node = self.started(tmp_path, fresh_namespace(), [
            "use_sim_time: false", "gain: 3", "names: [a, b]", "input_qos:", "  depth: 3"])
        spinner = Spinner(node)
        try:
            wait_for(lambda: node.state == "active", "its start")
            assert (node.settings.gain, node.settings.names) == (3.0, ("a", "b"))
            assert node.settings.input_qos.depth == 3
        finally:
            spinner.stop()

    @pytest.mark.parametrize(("line", "words"), [
        ("gian: 3.0", "gian is not a parameter of this node; did you mean gain?"),
        ("gain: 30.0", "gain = 30.0 is above its greatest value 10 m"),
        ("gain: true", "gain = True has type bool, expected double"),
        ("low: 9", "low = 9 is above high"),
    ])
    def test_what_is_wrong_keeps_the_node_from_being_configured(self, line: str, words: str,
                                                                tmp_path: Path) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer:
            spinner = Spinner(self.started(tmp_path, namespace, [line]))
            try:
                peer.await_error("example", f"configure failed: {words}")
                assert not change(peer, Transition.TRANSITION_CONFIGURE)
            finally:
                spinner.stop()

    def test_a_bad_value_is_mended_and_the_node_configured(self, tmp_path: Path) -> None:
        namespace = fresh_namespace()
        with Peer(namespace) as peer:
            node = self.started(tmp_path, namespace, ["gain: 30.0", "high: 8"])
            spinner = Spinner(node)
            try:
                peer.await_error("example", "gain = 30.0")
                assert set_each(peer, {"gain": 3.0}) == [(True, "")]
                assert change(peer, Transition.TRANSITION_CONFIGURE)
                assert change(peer, Transition.TRANSITION_ACTIVATE)
                assert (node.settings.gain, node.settings.high) == (3.0, 8)
                peer.await_status("example", lambda _, text, __: "gain" not in text, "no fault")
            finally:
                spinner.stop()
