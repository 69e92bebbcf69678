"""Settings: declared once, checked as one."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.settings import SettingError, Settings, group, setting

NAMES = ["low", "high", "mode", "switch", "inner.period_s", "inner.names"]


@dataclass(frozen=True)
class Inner(Settings):
    """A nested group."""

    period_s: float = setting(1.0, "A period.", unit="s", ge=0.5, le=2.0, runtime=True)
    names: tuple[str, ...] = setting((), "Names.", le=3)


@dataclass(frozen=True)
class Outer(Settings):
    """A class with a group and a rule between settings."""

    low: int = setting(1, "The low one.", ge=0)
    high: int = setting(5, "The high one.")
    mode: str = setting("a", "A choice.", choices=("a", "b"))
    switch: bool = setting(False, "A switch.")
    inner: Inner = group(Inner)

    def conflicts(self) -> list[str]:
        """The rule between the two."""
        return [] if self.low <= self.high else [f"low = {self.low} is above high; swap them"]


def test_defaults_are_valid_and_flat_names_have_dots() -> None:
    assert list(Outer().flat()) == NAMES
    assert [d.type_text for d in Outer.declared()] == [
        "integer", "integer", "string", "bool", "double", "string array"]


@pytest.mark.parametrize(("values", "words"), [
    ({"inner.period_s": 3.0}, ["inner.period_s = 3.0", "above", "2 s"]),  # above its range
    ({"inner.period_s": 0}, ["inner.period_s", "below", "0.5"]),  # an integer below its range
    ({"inner.period_s": float("nan")}, ["inner.period_s", "finite"]),  # NaN passes no comparison
    ({"mode": "c"}, ["mode", "'c'", "'a', 'b'"]),  # not a choice
    ({"low": True}, ["low", "bool", "integer"]),  # True is an int for Python, not for a user
    ({"low": 1.5}, ["low", "float", "integer"]),  # no silent rounding
    ({"switch": 1}, ["switch", "int", "bool"]),  # 1 is not a switch
    ({"inner.names": "abc"}, ["inner.names", "list"]),  # a text is not a list of letters
    ({"inner.names": ["a"] * 4}, ["inner.names = 4", "above", "3 entries"]),  # too many
    ({"inner.names": ["a", 2]}, ["inner.names[1]", "int"]),  # one wrong element
    ({"lwo": 1}, ["lwo", "not a setting"]),  # a typo
    ({"low": 9}, ["low = 9 is above high"]),  # the rule between two
])
def test_bad_values_are_named_with_limit_and_fix(values: dict[str, object],
                                                 words: list[str]) -> None:
    with pytest.raises(SettingError) as error:
        Outer.from_flat(values)
    text = str(error.value)
    assert all(w in text for w in words), text


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(SettingError) as error:
        Outer.from_flat({"low": -1, "mode": "c", "inner.period_s": 9.0, "typo": 0})
    assert len(error.value.problems) == 4


def test_numpy_numbers_and_integers_for_doubles_are_taken() -> None:
    made = Inner(period_s=np.float32(1.5))
    assert made.period_s == 1.5 and type(made.period_s) is float
    assert Inner(period_s=1).period_s == 1.0 and type(Inner(period_s=1).period_s) is float
    assert Outer(low=np.int64(2)).low == 2
    assert Outer(switch=np.bool_(True)).switch is True


def test_changed_checks_and_leaves_the_original() -> None:
    first = Outer()
    assert first.changed(inner__period_s=0.7).inner.period_s == 0.7
    assert first.inner.period_s == 1.0
    with pytest.raises(SettingError):
        first.changed(low=7)


@given(st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(),
              st.lists(st.text()), st.binary())))
def test_any_values_give_valid_settings_or_a_setting_error(values: dict[str, object]) -> None:
    try:
        made = Outer.from_flat(values)
    except SettingError as error:
        assert error.problems
        return
    assert 0.5 <= made.inner.period_s <= 2.0 and made.low <= made.high and made.mode in ("a", "b")
    assert Outer.from_flat(made.flat()) == made
