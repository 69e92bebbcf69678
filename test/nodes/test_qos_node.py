"""QoS from parameters; mismatches are told, and forgotten when they end."""
from __future__ import annotations

import pytest

pytest.importorskip("vision_msgs.msg", reason="needs ROS 2 and the built interfaces")

from example_node import ExampleNode, Header  # noqa: E402
from peer import BEST_EFFORT, RELIABLE, Peer, fresh_namespace, running, wait_for  # noqa: E402


def test_an_input_that_cannot_hear_its_publisher_is_an_error_until_that_has_gone() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace):
        deaf = peer.publisher("input", Header, BEST_EFFORT, matched=False)
        peer.await_error("example", "input: 1 publisher(s) offer QoS this node cannot receive "
                         "(last policy: reliability); set the input's reliability parameter")
        _, _, values = peer.await_status("example", lambda *s: "qos_mismatch input" in s[2],
                                         "the mismatch by topic")
        assert values["qos_mismatches"] == "1"
        peer.node.destroy_publisher(deaf)
        peer.await_status("example", lambda _, text, values: "QoS this node cannot" not in text
                          and "qos_mismatch input" not in values, "its end")


def test_with_the_parameter_changed_it_hears() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace,
                                          input_qos__reliability="best_effort") as node:
        heard: list[Header] = []
        node.on_message = heard.append
        publisher = peer.publisher("input", Header, BEST_EFFORT)
        wait_for(lambda: publisher.publish(Header()) or heard, "a message")


def test_a_subscriber_that_asks_for_more_than_is_offered_is_a_warning() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace,
                                          output_qos__reliability="best_effort") as node:
        node.on_message = lambda _: None
        peer.node.create_subscription(Header, "output", lambda _: None, RELIABLE)
        peer.await_status("example", lambda _, text, __: "output: 1 subscriber(s) ask for QoS this "
                          "node does not offer (last policy: reliability)" in text, "a warning")
        level, _, values = peer.status("example")
        findings = [v for k, v in values.items() if k.startswith("finding_")]
        assert any("does not offer" in finding for finding in findings) and level <= 2


def test_a_mismatch_ends_with_the_input() -> None:
    namespace = fresh_namespace()
    with Peer(namespace) as peer, running(ExampleNode, namespace) as node:
        peer.publisher("input", Header, BEST_EFFORT, matched=False)
        peer.await_error("example", "cannot receive")
        node.trigger_deactivate()
        peer.await_status("example", lambda level, text, _: level == 1
                          and "cannot receive" not in text, "no mismatch of an inactive node")
