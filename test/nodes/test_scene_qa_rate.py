"""scene_qa over DDS lets one client ask only so often, and the others all the same."""
from __future__ import annotations

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from qa_bench import NO_MODEL, REFUSED, qa_bench  # noqa: E402
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue  # noqa: E402
from rcl_interfaces.srv import SetParametersAtomically  # noqa: E402


def test_who_asks_too_often_is_told_when_to_ask_again() -> None:
    with qa_bench(rate__per_client_hz=0.001, rate__burst=2) as b:
        assert [b.ask(client="a").status for _ in range(3)] == [NO_MODEL, NO_MODEL, REFUSED]
        refused = b.ask(client="a")
        assert "a may ask 0.001 times a second" in refused.message
        assert "ask again in" in refused.message
        assert b.ask(client="b").status == NO_MODEL  # no model: but it was admitted
        lifted = Parameter(name="rate.per_client_hz", value=ParameterValue(
            type=ParameterType.PARAMETER_DOUBLE, double_value=0.0))
        assert b.peer.call("scene_qa/set_parameters_atomically", SetParametersAtomically,
                           SetParametersAtomically.Request(parameters=[lifted])).result.successful
        assert b.ask(client="a").status == NO_MODEL
