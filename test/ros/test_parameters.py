"""Parameters made from settings: what a request comes to, and what was wrong at the start."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")

from rclpy.parameter import Parameter  # noqa: E402

from smolvlm_ros.ros.parameters import NodeSettings, Parameters, describe  # noqa: E402
from smolvlm_ros.settings import SettingError, Settings, group, setting  # noqa: E402


@dataclass(frozen=True)
class Inner(Settings):
    """A group."""

    period_s: float = setting(1.0, "A period.", unit="s", ge=0.5, le=2.0, runtime=True)


@dataclass(frozen=True)
class Example(NodeSettings):
    """A node's settings."""

    low: int = setting(1, "The low one.", ge=0, runtime=True)
    high: int = setting(5, "The high one.", le=100, runtime=True)
    file: str = setting("", "A file.", le=10)
    names: tuple[str, ...] = setting((), "Names.", runtime=True)
    mode: str = setting("a", "A choice.", choices=("a", "b"))
    inner: Inner = group(Inner)

    def conflicts(self) -> list[str]:
        """The rule between two."""
        return [] if self.low <= self.high else [f"low = {self.low} is above high; swap them"]


def made(**overrides: Any) -> Parameters[Example]:
    return Parameters(Example, {k.replace("__", "."): v for k, v in overrides.items()})


def request(**values: Any) -> list[Parameter]:
    return [Parameter(k.replace("__", "."), value=v) for k, v in values.items()]


def test_good_values_at_the_start_are_in_use() -> None:
    parameters = made(inner__period_s=2, names=["x"], autostart=True)
    assert parameters.problems == ()
    assert parameters.current == Example(autostart=True, names=("x",), inner=Inner(2.0))


@pytest.mark.parametrize(("overrides", "words"), [
    ({"higg": 3}, ["higg is not a parameter of this node; did you mean high?"]),
    ({"inner__periods": 1.0}, ["inner.periods", "did you mean inner.period_s?"]),
    ({"qqqqqqqq": 1}, ["qqqqqqqq", "see docs/parameters.md"]),
    ({"inner__period_s": 9.0}, ["inner.period_s = 9.0", "above", "2 s"]),
    ({"low": 7}, ["low = 7 is above high"]),
    ({"low": -1, "mode": "c", "modd": "a"}, ["low", "mode", "modd"]),  # all at once
])
def test_what_is_wrong_at_the_start_is_named(overrides: dict[str, Any], words: list[str]) -> None:
    text = "; ".join(made(**overrides).problems)
    assert all(word in text for word in words), text


def test_the_other_values_of_the_start_are_in_use_all_the_same() -> None:
    parameters = made(low=-1, high=7, autostart=True)
    assert parameters.current == Example(high=7, autostart=True)


def test_ros_own_parameters_are_no_typos() -> None:
    assert made(use_sim_time=True, qos_overrides__x="y",
                start_type_description_service=False).problems == ()


def test_bad_values_are_mended_one_by_one() -> None:
    parameters = made(low=-1, mode="c", high=7)
    change = parameters.check(request(mode="b"), configured=False)
    parameters.accept(change)
    assert len(parameters.problems) == 1 and "low" in parameters.problems[0]
    assert parameters.current.mode == "b"
    parameters.accept(parameters.check(request(low=3), configured=False))
    assert parameters.problems == ()
    assert parameters.current == Example(low=3, high=7, mode="b")


def test_another_parameter_may_be_set_while_one_is_wrong() -> None:
    parameters = made(low=-1)
    parameters.accept(parameters.check(request(high=9), configured=False))
    assert parameters.current.high == 9 and len(parameters.problems) == 1


def test_a_bad_value_is_not_mended_by_another_bad_one() -> None:
    parameters = made(low=-1)
    for value in (-1, -2):
        with pytest.raises(SettingError, match="below its least value"):
            parameters.check(request(low=value), configured=False)
    assert parameters.problems


def test_setting_the_default_mends_too() -> None:
    parameters = made(low=-1)
    parameters.accept(parameters.check(request(low=1), configured=False))
    assert parameters.problems == ()


def test_a_name_that_does_not_exist_is_not_mended_by_setting_others() -> None:
    parameters = made(higg=3)
    parameters.accept(parameters.check(request(high=3), configured=False))
    assert len(parameters.problems) == 1


@pytest.mark.parametrize(("values", "words"), [
    ({"inner__period_s": 9.0}, ["inner.period_s = 9.0", "2 s"]),  # above its limit
    ({"low": 9}, ["low = 9 is above high"]),  # against another one
    ({"low": 2, "high": 1}, ["low = 2 is above high"]),  # against each other
    ({"low": 2, "high": 1000}, ["high = 1000"]),  # one good, one bad: none is taken
    ({"file": "x"}, ["file cannot change while the node is configured", "cleanup"]),
    ({"loww": 1}, ["loww is not a parameter", "did you mean low?"]),
    ({"low": None}, ["low = None", "integer"]),  # ROS's way to undeclare one
    ({"low": 1.5}, ["low", "float"]),
    ({"low": "3"}, ["low", "str"]),
])
def test_refusals_name_the_value_its_limit_and_the_fix(values: dict[str, Any],
                                                       words: list[str]) -> None:
    parameters = made()
    with pytest.raises(SettingError) as error:
        parameters.check(request(**values), configured=True)
    assert all(word in str(error.value) for word in words), error.value
    assert parameters.current == Example()


def test_two_that_fit_together_only_are_set_together() -> None:
    parameters = made()
    parameters.accept(parameters.check(request(low=20, high=30), configured=True))
    assert (parameters.current.low, parameters.current.high) == (20, 30)


def test_a_fixed_parameter_may_be_set_to_what_it_is() -> None:
    assert made(file="x").check(request(file="x", low=2), configured=True).settings.low == 2


def test_rclpy_stores_the_declared_types() -> None:
    change = made().check(request(inner__period_s=2, names=[]), configured=True)
    assert [(p.name, p.type_, p.value) for p in change.parameters] == [
        ("inner.period_s", Parameter.Type.DOUBLE, 2.0),
        ("names", Parameter.Type.STRING_ARRAY, [])]


def test_ros_own_parameters_are_left_to_rclpy() -> None:
    given = request(use_sim_time=True)
    assert made().check(given, configured=True).parameters == given


def test_descriptors_tell_range_unit_choices_and_when() -> None:
    found = {d.name: describe(d) for d in Example.declared()}
    period = found["inner.period_s"]
    assert "A period. [s]" in period.description
    assert period.additional_constraints == "allowed: 0.5 to 2 s; changes while running"
    assert (period.floating_point_range[0].from_value,
            period.floating_point_range[0].to_value) == (0.5, 2.0)
    assert "'a', 'b'" in found["mode"].additional_constraints
    assert "at the next configure" in found["mode"].additional_constraints
    low = found["low"].integer_range[0]
    assert low.from_value == 0 and low.to_value >= 10**18
    assert not found["file"].integer_range  # a text's length is no range of values
