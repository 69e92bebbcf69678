"""A small node of this package's kind, for tests of what all its nodes share."""
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from std_msgs.msg import Header
from std_srvs.srv import Trigger

from smolvlm_ros.ros.health import InputRule
from smolvlm_ros.ros.interface import Endpoint, Interface
from smolvlm_ros.ros.lifecycle import FunnelNode
from smolvlm_ros.ros.mailbox import Mailbox
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.settings import group, setting

INPUT = Endpoint("input", "std_msgs/msg/Header", "What comes in.", qos="input_qos")
OUTPUT = Endpoint("output", "std_msgs/msg/Header", "What goes out.", qos="output_qos")
SERVICE = Endpoint("~/work", "std_srvs/srv/Trigger", "Do something.")


@dataclass(frozen=True)
class ExampleSettings(NodeSettings):
    """The example's parameters."""

    gain: float = setting(1.0, "A gain.", unit="m", ge=0.0, le=10.0, runtime=True)
    low: int = setting(1, "The low one.", ge=0, runtime=True)
    high: int = setting(5, "The high one.", runtime=True)
    file: str = setting("", "A file.")
    names: tuple[str, ...] = setting((), "Names.", runtime=True)
    input_qos: FunnelQos = group(FunnelQos)
    output_qos: FunnelQos = group(FunnelQos)

    def conflicts(self) -> list[str]:
        """The rule between two."""
        return [] if self.low <= self.high else [f"low = {self.low} is above high; swap them"]


class ExampleNode(FunnelNode[ExampleSettings]):
    """Does what its test tells it to; notes what happens to it in `log`."""

    settings_class = ExampleSettings
    default_name = "example"
    interface = Interface("An example.", inputs=(INPUT,), outputs=(OUTPUT,), services=(SERVICE,))

    def __init__(self, **options: Any) -> None:
        self.log: list[str] = []
        self.setup_error: Exception | None = None
        self.start_error: Exception | None = None
        self.apply_error: Exception | None = None
        self.on_message: Callable[[Header], None] = lambda _: None
        self.on_work: Callable[[], None] = lambda: None
        self.applied: list[float] = []
        self.release = threading.Event()
        self.dead_after_s = 100.0
        super().__init__(**options)

    def setup(self) -> None:
        self._own("model")
        self._own("file")
        if self.setup_error is not None:
            raise self.setup_error
        self._own("cache")

    def start(self) -> None:
        self.output = self.endpoints.publish(OUTPUT)
        self.input = self.endpoints.subscribe(INPUT, self._on_input)
        self.endpoints.serve(SERVICE, self._on_work)
        self.watched = self.watch(InputRule("input", lost_after_s=0.3))
        self.worker: Mailbox[str] = Mailbox("example worker", self._work, lambda _: None)
        self.own_worker("model", self.worker, lambda: self.dead_after_s)
        self._own("stream")
        if self.start_error is not None:
            raise self.start_error

    def apply(self, settings: ExampleSettings) -> None:
        self.applied.append(settings.gain)
        if self.apply_error is not None:
            raise self.apply_error

    def extra_diagnostics(self) -> Mapping[str, object]:
        return {"gain": self.settings.gain}

    def _own(self, name: str) -> None:
        self.log.append(f"open {name}")
        self.own(name, lambda: self.log.append(f"close {name}"))

    def _on_input(self, message: Header) -> None:
        self.on_message(message)

    def _on_work(self, _: Any, response: Any) -> Any:
        response.success, response.message = True, "half done"
        self.on_work()
        return response

    def _work(self, _: str) -> None:
        self.release.wait(30.0)


__all__ = ["INPUT", "OUTPUT", "SERVICE", "ExampleNode", "ExampleSettings", "Header", "Trigger"]
