"""What a node speaks: its topics, services and actions, each declared and described once."""
from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Endpoint:
    """A topic, service or action of a node.

    Attributes:
        name: relative name, so that it remaps; '~/' puts it under the node's name.
        type: 'package/msg/Name', 'package/srv/Name' or 'package/action/Name'.
        doc: what goes over it, for the user.
        qos: name of the parameter group that sets its QoS; empty for a fixed profile.
        latched: True for a topic whose last message is kept for late joiners (transient local).
        kept: messages kept for a slow receiver, at least, whatever the parameter group says; where
            there is no group and this is 0, one on a latched topic and ten on any other.
    """

    name: str
    type: str
    doc: str
    qos: str = ""
    latched: bool = False
    kept: int = 0

    def load_type(self) -> Any:
        """The generated Python class of the type.

        Raises:
            ImportError: with the fix, when the interface package has not been built or sourced.
        """
        package, kind, name = self.type.split("/")
        try:
            return getattr(importlib.import_module(f"{package}.{kind}"), name)
        except (ImportError, AttributeError) as error:
            raise ImportError(f"{self.type} cannot be imported ({error}); build the package with "
                              "colcon and source install/setup.bash") from error


@dataclass(frozen=True)
class Interface:
    """All endpoints of one node, in the order in which they are documented."""

    summary: str
    inputs: tuple[Endpoint, ...] = ()
    outputs: tuple[Endpoint, ...] = ()
    services: tuple[Endpoint, ...] = ()
    actions: tuple[Endpoint, ...] = ()


DIAGNOSTICS = Endpoint("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray",
                       "Health, counters and latencies (p50, p95, p99) of the node, once a second.")
