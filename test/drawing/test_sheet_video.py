"""Contact sheets and videos."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.drawing import Mp4Writer, Panel, VideoError, contact_sheet, text_panel

RED = np.zeros((120, 160, 3), np.uint8)
RED[:] = (250, 10, 10)


def test_panels_wrap_into_rows_and_keep_their_aspect() -> None:
    tall = np.full((200, 50, 3), (10, 10, 250), np.uint8)
    sheet = contact_sheet([Panel(RED, "a"), Panel(tall, "b"), Panel(RED, "c")], columns=2,
                          cell_width=160)
    red = (sheet == (250, 10, 10)).all(2)
    blue = (sheet == (10, 10, 250)).all(2)
    # two red pictures at full width, one above the other; the tall one as high as its row
    assert red.sum() == pytest.approx(2 * 120 * 160, rel=0.02)
    rows, columns = np.nonzero(blue)
    assert (np.ptp(rows) + 1) / (np.ptp(columns) + 1) == pytest.approx(4, rel=0.05)
    assert red[:, :sheet.shape[1] // 2].sum() == red.sum()


def test_titles_and_captions_are_written() -> None:
    bare = contact_sheet([Panel(RED, "")], cell_width=240)
    full = contact_sheet([Panel(RED, "Title", "a caption " * 30)], cell_width=240, title="All")
    assert full.shape[1] == bare.shape[1] and full.shape[0] > bare.shape[0] + 30
    assert (full > 200).all(2).sum() > 50  # light letters


def test_lines_below_all_are_written_and_cut_to_the_width() -> None:
    bare = contact_sheet([Panel(RED, "a")], cell_width=240)
    full = contact_sheet([Panel(RED, "a")], cell_width=240, footer=["asked at 3 s", "a word " * 99])
    assert full.shape[1] == bare.shape[1] and (full[:bare.shape[0]] == bare).all()
    below = full[bare.shape[0]:]
    assert (below > 100).all(2).any(1).sum() > 8  # letters, in light grey
    assert (below[:, -4:] == below[0, 0]).all()


def test_a_sheet_of_any_size_panels() -> None:
    panels = [Panel(np.zeros((h, w, 3), np.uint8), "t" * 99) for h, w in
              ((1, 1), (1, 400), (400, 1), (1080, 1920))]
    assert contact_sheet(panels, columns=9, cell_width=120).shape[1] < 4 * 140


@pytest.mark.parametrize("options", [{"columns": 0}, {"cell_width": 50}])
def test_sizes_that_cannot_be_are_refused(options) -> None:
    with pytest.raises(ValueError, match="expected at least 1 column of 120"):
        contact_sheet([Panel(RED, "a")], **options)


def test_an_empty_sheet_and_a_panel_without_image_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one panel"):
        contact_sheet([])
    with pytest.raises(ValueError, match="panel 'a' is NoneType"):
        Panel(None, "a")


@pytest.mark.parametrize(("width", "height"), [(320, 240), (60, 40), (1280, 960)])
def test_words_stay_in_their_panel(width: int, height: int) -> None:
    lines = [("A question of many words that goes on and on? " * 10, (255, 255, 255))]
    image = text_panel(lines, width, height, headline="ABSTAINED", headline_colour=(0, 255, 0))
    assert image.shape == (height, width, 3) and (image[:, -2:] == image[0, 0]).all()
    assert (image != image[0, 0]).any()


@pytest.mark.parametrize("size", [(120, 160), (121, 159)])
def test_a_video_is_read_back(size: tuple[int, int], tmp_path: Path) -> None:
    # sides that are odd are made even, since the codec needs it
    path = tmp_path / "out.mp4"
    with Mp4Writer(path, 12.0) as writer:
        for i in range(20):
            writer.write(np.full((*size, 3), (i * 12, 40, 200), np.uint8))
    assert writer.frame_count == 20
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.0)
    frames = []
    while (frame := capture.read()[1]) is not None:
        frames.append(frame)
    assert len(frames) == 20 and frames[0].shape[0] % 2 == 0
    assert frames[10].mean((0, 1)) == pytest.approx([200, 40, 120], abs=8)  # BGR, so RGB went in


def test_a_frame_of_another_size_is_refused_and_the_rest_is_kept(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "out.mp4", 10.0) as writer:
        writer.write(RED)
        with pytest.raises(ValueError, match="the video's first had"):
            writer.write(RED[:60])
        writer.write(RED)
    assert writer.frame_count == 2


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="does not exist; make it first"):
        Mp4Writer(tmp_path / "no" / "out.mp4", 10.0)
    with pytest.raises(VideoError, match=".mp4"):
        Mp4Writer(tmp_path / "out.txt", 10.0)
    with pytest.raises(ValueError, match="frames per second"):
        Mp4Writer(tmp_path / "out.mp4", 0.0)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(VideoError, match="cannot be opened"):
        Mp4Writer(tmp_path / "folder.mp4", 10.0).write(RED)


def test_a_video_that_lost_frames_is_an_error(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "out.mp4", 10.0)
    for _ in range(5):
        writer.write(RED)
    writer.frame_count += 3  # as if the disk had swallowed three
    with pytest.raises(VideoError, match="holds 5 of 8 frames"):
        writer.close()
    writer.close()  # said once
    with pytest.raises(VideoError, match="closed"):
        writer.write(RED)


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "out.mp4", 10.0):
        pass
    assert not (tmp_path / "out.mp4").exists()
