"""The description inside an exported depth model."""
from __future__ import annotations

import json

import pytest

from smolvlm_ros.models.depth_metadata import KEY, DepthMetadata
from smolvlm_ros.models.errors import CheckpointError

hypothesis = pytest.importorskip("hypothesis", reason="the parser is fuzzed with it")
st = hypothesis.strategies

GOOD = DepthMetadata(variant="outdoor", max_depth_m=80.0, depth_estimation_type="metric",
                     height=252, width=336, canary=(1.5,) * 64, licence="Apache-2.0",
                     source="owner/name", parameters=7)


def changed(**values: object) -> dict[str, str]:
    return {KEY: json.dumps({**json.loads(GOOD.to_entry()[1]), **values})}


def test_survives_the_way_through_a_file() -> None:
    assert DepthMetadata.from_entries(dict([GOOD.to_entry()])) == GOOD


@pytest.mark.parametrize(("values", "text"), [
    ({"max_depth_m": 20.0}, "outdoor variant has 80 m"),
    ({"variant": "indoor"}, "indoor variant has 20 m"),
    ({"variant": "underwater"}, "underwater"),
    ({"depth_estimation_type": "relative"}, "relative"),
    ({"height": 250}, "250x336 is not a multiple of 14"),
    ({"height": 0}, "not a multiple"),
    ({"height": 252.0}, "height must be of type int"),
    ({"std": [0.2, 0.2, 0.0]}, "positive"),
    ({"mean": [0.5]}, "three numbers"),
    ({"mean": "0.5"}, "list"),
    ({"canary": [1.0]}, "64"),
    ({"format": 2}, "format 2"),
    ({"commercial": "yes"}, "commercial"),
    ({"max_depth_m": "80"}, "max_depth_m"),
    ({"surprise": 1}, "surprise"),
    ({"training_focal": -0.7}, "training_focal is -0.7"),
    ({"training_focal": "0.7"}, "training_focal must be"),
])
def test_contradictions_are_named(values: dict[str, object], text: str) -> None:
    with pytest.raises(CheckpointError, match=text):
        DepthMetadata.from_entries(changed(**values))


def test_the_training_focal_is_the_published_one_where_the_file_has_none() -> None:
    assert GOOD.focal == pytest.approx(725 / 1242)
    assert DepthMetadata.from_entries(changed(training_focal=0.77)).focal == 0.77


def test_missing_entry_names_the_exporter() -> None:
    with pytest.raises(CheckpointError, match="smolvlm_ros export"):
        DepthMetadata.from_entries({"author": "somebody"})


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.one_of(
    st.text(max_size=40),
    st.dictionaries(st.sampled_from([f for f in json.loads(GOOD.to_entry()[1])]),
                    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
                    | st.lists(st.integers() | st.floats(), max_size=4)
                    ).map(lambda v: changed(**v)[KEY])))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        made = DepthMetadata.from_entries({KEY: text})
    except CheckpointError:
        return
    assert made.max_depth_m in (20.0, 80.0) and made.height % 14 == 0
