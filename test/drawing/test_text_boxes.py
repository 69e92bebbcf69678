"""Text, boxes and labels."""
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.drawing import BoxLabel, annotate, verdict_colour
from smolvlm_ros.drawing import text as drawing_text

GREY = np.full((240, 320, 3), 120, np.uint8)
PERSON = BoxLabel((100, 60, 160, 200), "person", 0.87, 3.24, "4")


@pytest.mark.parametrize(("text", "expected"), [
    ("plain", "plain"),
    # accents fall away, dashes and signs become plain
    ("café – 3 × 2 … ±1", "cafe - 3 x 2 .. +-1"),
    # what has no ASCII form is shown to be missing
    ("人 door", "? door"),
    ("two\nlines", "two lines"),
])
def test_text_becomes_what_the_font_has(text: str, expected: str) -> None:
    assert drawing_text.ascii_text(text) == expected


@given(st.text(max_size=80), st.integers(5, 40), st.integers(0, 400))
def test_fitted_text_fits(text: str, height: int, width: int) -> None:
    result = drawing_text.fitted(text, height, width)
    assert result == "" or drawing_text.text_size(result, height)[0] <= width
    assert all(" " <= c <= "~" for c in result)


@given(st.text(alphabet="ab cde", max_size=80), st.integers(80, 400))
def test_wrapped_text_fits_and_loses_no_short_word(text: str, width: int) -> None:
    lines = drawing_text.wrapped(text, 10, width)
    assert all(drawing_text.text_size(line, 10)[0] <= width for line in lines)
    if all(drawing_text.text_size(word, 10)[0] <= width for word in text.split()):
        assert " ".join(lines).split() == text.split()


def test_a_class_has_one_colour_and_common_ones_differ() -> None:
    assert drawing_text.class_colour("box") == drawing_text.class_colour("box")
    names = ("person", "moving", "box", "cone")
    assert len({drawing_text.class_colour(n) for n in names}) == len(names)


@pytest.mark.parametrize(("box", "expected"), [
    (PERSON, "person #4 3.2 m 87%"),
    (BoxLabel((0, 0, 1, 1), "moving"), "moving ? m"),
    # a distance that is not a number is not known
    (BoxLabel((0, 0, 1, 1), "box", None, float("nan"), "9"), "box #9 ? m"),
    (BoxLabel((0, 0, 1, 1), "box", 0.5, float("inf")), "box ? m 50%"),
])
def test_captions(box: BoxLabel, expected: str) -> None:
    assert box.caption() == expected


@pytest.mark.parametrize("xyxy", [(0, 0, 1), (0, 0, float("nan"), 1)])
def test_a_box_is_four_numbers(xyxy) -> None:
    with pytest.raises(ValueError, match="four finite numbers"):
        BoxLabel(xyxy, "person")


def test_the_given_image_is_left_alone_and_the_box_is_drawn_around_its_content() -> None:
    result = annotate(GREY, [PERSON])
    assert (GREY == 120).all() and result.shape == GREY.shape
    colour = drawing_text.class_colour("person")
    assert tuple(result[130, 100]) == colour and tuple(result[200, 130]) == colour
    assert (result[80:190, 110:150] == 120).all()  # what is inside stays to be seen


def test_a_box_in_a_zone_stands_out() -> None:
    inside = BoxLabel(PERSON.xyxy, "person", zone_state="door: inside")
    assert (annotate(GREY, [inside])[130, 130] != 120).any()


@pytest.mark.parametrize("xyxy", [
    (-50, -50, 20, 20), (300, 220, 900, 900), (-10, -10, 400, 300), (5, 5, 5.2, 5.2),
    (150, 0, 170, 240)])
def test_boxes_at_and_over_the_edge_are_drawn(xyxy) -> None:
    assert (annotate(GREY, [BoxLabel(xyxy, "person", 0.9, 2.0)]) != 120).any()


def test_a_box_outside_is_left_out() -> None:
    for xyxy in ((400, 0, 500, 50), (-50, 0, -1, 50), (0, 300, 50, 400)):
        assert (annotate(GREY, [BoxLabel(xyxy, "person")]) == 120).all()


def test_labels_do_not_cover_each_other() -> None:
    same = [BoxLabel(PERSON.xyxy, name, 0.5, 1.0) for name in ("person", "box", "cone")]
    result = annotate(GREY, same)
    # each label is a filled bar of its class's colour, outside of the outline they share
    for name in ("person", "box", "cone"):
        bar = (result == drawing_text.class_colour(name)).all(2)
        assert bar.sum(1).max() > 50 and bar.sum() > 500, name


def label_rows(result: np.ndarray, name: str, columns: slice) -> np.ndarray:
    """Rows in which a label's filled bar of that class's colour lies."""
    bar = (result[:, columns] == drawing_text.class_colour(name)).all(2)
    return np.flatnonzero(bar.mean(1) > 0.3)


@pytest.mark.parametrize("top", [100, 190, 222])   # in the middle, low, at the lower edge
def test_the_label_of_somebody_lying_is_at_the_box_whatever_else_is_near(top: int) -> None:
    lying = BoxLabel((60, top, 260, top + 16), "person", 0.8, 3.0, "2", "in hall")
    near = [BoxLabel((60, top - 4, 120, top + 10), "box", 0.8, 2.9, "1"),
            BoxLabel((200, top - 6, 250, top + 12), "cone", 0.8, 3.1, "3")]
    result = annotate(GREY, [*near, lying])
    rows = label_rows(result, "person", slice(62, 180))
    height = 2 * (drawing_text.text_height(240) + 6)   # two lines
    assert len(rows) >= 8
    assert top - 3 * height <= rows.min() and rows.max() <= top + 16 + 2 * height


def test_labels_of_a_crowd_stay_near_their_boxes() -> None:
    crowd = [BoxLabel((100 + 6 * k, 110, 160 + 6 * k, 130), f"thing{k}", 0.5, 2.0)
             for k in range(5)]
    changed = (annotate(GREY, crowd) != 120).any(2).any(1)
    rows = np.flatnonzero(changed)
    # Five labels of about 15 px: three rows above, two below at the most, none at the border.
    assert rows.min() > 40 and rows.max() < 200


def test_the_status_is_at_the_bottom_only() -> None:
    result = annotate(GREY, [], "frame 12")
    assert (result[:200] == 120).all() and (result[-5:] != 120).any()


@pytest.mark.parametrize("size", [(24, 32), (48, 4), (1080, 1920), (1, 1)])
def test_any_image_size(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 120, np.uint8)
    result = annotate(image, [BoxLabel((0, 0, 30, 30), "person", 0.5, 2.0, "1", "in")], "x" * 300)
    assert result.shape == image.shape


@pytest.mark.parametrize("image", [None, np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)),
                                   np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_rgb_image_is_refused(image) -> None:
    with pytest.raises(ValueError, match="uint8"):
        annotate(image, [])


def test_only_yes_is_green_and_only_no_is_red() -> None:
    assert verdict_colour("YES") == drawing_text.YES and verdict_colour("no") == drawing_text.NO
    for other in ("", "abstained", "yes?", "no idea"):
        assert verdict_colour(other) == drawing_text.MAYBE
