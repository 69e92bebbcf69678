"""Whether fusion reads the depth in the way that suits what made it."""
from __future__ import annotations

from typing import Any

from smolvlm_ros.msg import DepthState
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.interface import Endpoint

FAULT = "depth anchor"
_FLAT = "ground_plane"
_SHOWN_S = 10.0


class DepthOrigin:
    """Warns of the depth of flat ground that is read as that of surfaces.

    Such a map holds no objects: the surface of a box in it is ground behind the object, often twice
    as far away, or none.

    Args:
        node: a FunnelNode with the setting `depth_anchor`, in its active phase.
        state: the topic of DepthState. It is listened to where the depth lies beside it: depth from
            elsewhere, as an RGB-D camera's, has nothing to do with it.
        depth: the topic of the depth images.
    """

    def __init__(self, node: Any, state: Endpoint, depth: Endpoint) -> None:
        self._node = node
        places = {node.resolve_topic_name(end.name).rpartition("/")[0] for end in (state, depth)}
        if len(places) == 1:
            node.own("depth origin", lambda: node.faults.clear(FAULT))
            node.endpoints.subscribe(state, self._on_state)

    def _on_state(self, message: DepthState) -> None:
        if message.estimator == _FLAT and self._node.settings.depth_anchor == "surface":
            self._node.faults.set(FAULT, Level.WARN, "the depth is that of flat ground (depth "
                                  f"estimator {_FLAT}), in which no object has a surface: set "
                                  "fusion's depth_anchor to 'contact', not 'surface'", _SHOWN_S)
        else:
            self._node.faults.clear(FAULT)
