"""Requests for a change of a node's lifecycle state, and those that cannot be met."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any


def guard_transitions(node: Any, on_request: Callable[[], None]) -> None:
    """Refuse impossible transitions of a lifecycle node.

    rclpy lets an impossible request raise through the executor, which would end the process, and
    the one who asked would wait for ever.

    Args:
        node: a FunnelNode.
        on_request: called at every request: somebody has taken the node in hand.
    """
    service = node._service_change_state
    answer = service.callback

    def guarded(request: Any, response: Any) -> Any:
        on_request()
        try:
            return answer(request, response)
        except Exception as error:
            node.get_logger().error(f"transition refused in state {node.state}: {error}")
            response.success = False
            return response

    service.callback = guarded
