"""Model cards: what the hub reads, and a table that can be replaced."""
from __future__ import annotations

from pathlib import Path

import pytest

from smolvlm_ros.world.training.card import CARD, Card, Figure, put_figures, write_card

yaml = pytest.importorskip("yaml", reason="the front matter is YAML")
GOOD = Card("World depth", "depth-estimation", "A small network.",
            {"Trained on": "12 scenes: corridors.", "How": "100 steps."})


def front_matter(text: str) -> dict[str, object]:
    begin, matter, _ = text.split("---\n", 2)
    assert begin == ""
    return dict(yaml.safe_load(matter))


def test_the_hub_finds_licence_and_task(tmp_path: Path) -> None:
    text = write_card(tmp_path, GOOD).read_text()
    assert front_matter(text) == {
        "license": "apache-2.0", "library_name": "transformers",
        "pipeline_tag": "depth-estimation", "tags": ["smolvlm_ros", "synthetic"]}
    assert "## Trained on\n\n12 scenes: corridors.\n" in text
    assert "embedded world of smolvlm_ros only" in text and "Not measured yet." in text


def test_the_table_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    write_card(tmp_path, GOOD, [Figure("depth_indoor_absrel", "0.5", "at most 0.08")], "by hand")
    put_figures(tmp_path, [Figure("depth_indoor_absrel", "0.06", "at most 0.08"),
                           Figure("model_ms", "9")], "100 frames")
    put_figures(tmp_path, [Figure("depth_indoor_absrel", "0.07", "at most 0.08")], "200 frames")
    text = (tmp_path / CARD).read_text()
    assert "| depth_indoor_absrel | 0.07 | at most 0.08 |" in text and "200 frames" in text
    assert "0.06" not in text and "0.5" not in text and "100 frames" not in text
    assert text.replace(text[text.index("<!-- figures: begin"):], "") \
        == GOOD.text().replace(GOOD.text()[GOOD.text().index("<!-- figures: begin"):], "")


def test_a_card_without_a_place_for_figures_is_named(tmp_path: Path) -> None:
    (tmp_path / CARD).write_text("# Another\n")
    with pytest.raises(ValueError, match="lacks the lines"):
        put_figures(tmp_path, [Figure("a", "1")], "")
