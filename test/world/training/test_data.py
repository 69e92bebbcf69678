"""Drawn scenes: kept, taken again, gone on with."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tqdm", reason="drawing shows its progress with it")

from smolvlm_ros.world.training.data import drawn  # noqa: E402


class Draw:
    """Counts, and fails at a seed if told to."""

    def __init__(self, fail_at: int = -1) -> None:
        self.seeds: list[int] = []
        self.fail_at = fail_at

    def __call__(self, seed: int) -> dict[str, NDArray[Any]]:
        if seed == self.fail_at:
            raise RuntimeError("stopped")
        self.seeds.append(seed)
        return {"image": np.full((2, 3), seed, np.uint8), "number": np.array(seed / 2)}


def square(seed: int) -> dict[str, NDArray[Any]]:
    return {"square": np.array(seed * seed)}


def test_scenes_are_drawn_once(tmp_path: Path) -> None:
    first, second = Draw(), Draw()
    made = drawn(tmp_path, "a", 5, first, first_seed=16)
    again = drawn(tmp_path, "a", 5, second, first_seed=16)
    assert set(first.seeds) == set(range(16, 21)) and second.seeds == []
    for found in (made, again):
        assert found["image"].shape == (5, 2, 3) and found["image"].dtype == np.uint8
        assert found["number"].tolist() == [8.0, 8.5, 9.0, 9.5, 10.0]
    with pytest.raises(ValueError, match="read-only"):
        again["image"][0] = 1


def test_what_a_stop_left_is_kept(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped"):
        drawn(tmp_path, "a", 6, Draw(fail_at=4))
    rest = Draw()
    assert drawn(tmp_path, "a", 6, rest)["number"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert set(rest.seeds) == {4, 5}


@pytest.mark.parametrize(("key", "count", "first_seed"), [("b", 3, 0), ("a", 4, 0), ("a", 3, 8)])
def test_another_key_count_or_seed_is_another_set(tmp_path: Path, key: str, count: int,
                                                  first_seed: int) -> None:
    drawn(tmp_path, "a", 3, Draw())
    other = Draw()
    drawn(tmp_path, key, count, other, first_seed=first_seed)
    assert len(set(other.seeds)) == count


@pytest.mark.parametrize("older", [["a", 3, 8], ["a", 3, 8, "0123456789ab"]])
def test_what_other_code_drew_is_named_and_drawn_anew(
        tmp_path: Path, older: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    for name, identity in (("old", older), ("others", ["b", 3, 8]), ("nobodys", 3)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "key.json").write_text(json.dumps(identity))
        np.save(tmp_path / name / "done.npy", np.ones(3, bool))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "key.json").write_text("[")
    draw = Draw()
    assert drawn(tmp_path, "a", 3, draw, first_seed=8)["number"].tolist() == [4, 4.5, 5]
    assert set(draw.seeds) == {8, 9, 10}
    told = capsys.readouterr().err
    assert f"{tmp_path / 'old'} was drawn by other code" in told and "may be deleted" in told
    assert told.count("may be deleted") == 1
    drawn(tmp_path, "a", 3, draw, first_seed=8)
    assert "may be deleted" not in capsys.readouterr().err   # once is enough


@pytest.mark.slow
def test_processes_draw_the_same(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one", "s", 20, square)["square"]
    assert np.array_equal(drawn(tmp_path / "two", "s", 20, square, workers=2)["square"], one)
