"""The demo's film and contact sheet are files that open and show what went in."""
from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from smolvlm_ros.demo.film import Film
from smolvlm_ros.demo.journal import Journal, Moment
from smolvlm_ros.demo.sheet import write_sheet
from smolvlm_ros.drawing import Mp4Writer


def picture(value: int) -> np.ndarray:
    return np.full((120, 160, 3), value, np.uint8)


def test_the_film_has_a_frame_for_every_decision(tmp_path: Path) -> None:
    film = Film(Mp4Writer(tmp_path / "film.mp4", 10.0), height=120)
    for number in range(5):
        film.camera(picture(200), number)
        if number == 2:
            film.passed(picture(90))
        film.gate(number, number == 2, "motion" if number == 2 else "dropped")
    film.gate(99, True, "motion")  # a decision whose frame never came
    film.close()
    assert film.error == ""
    capture = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    frames = [capture.read()[1] for _ in range(5)]
    assert not capture.read()[0]
    left, right = frames[4][60:110, 20:140], frames[4][60:110, 180:300]
    assert abs(left.mean() - 200) < 12 and abs(right.mean() - 90) < 12


def test_a_film_that_cannot_be_written_is_said_and_ends_nothing(tmp_path: Path) -> None:
    film = Film(Mp4Writer(tmp_path / "film.mp4", 10.0), height=120)
    film.camera(picture(1), 1)
    film._writer.close()  # as a full disk would
    film.gate(1, True, "motion")
    assert "closed" in film.error
    film.camera(picture(1), 2)
    film.gate(2, True, "motion")
    film.close()


def test_the_sheet_shows_each_moment_in_a_row(tmp_path: Path) -> None:
    journal = Journal("film.mp4")
    depth = np.tile(np.linspace(1, 5, 160, dtype=np.float32), (120, 1))
    depth[:10] = np.inf
    depth[10:20] = np.nan
    for number in range(2):
        journal.add_moment(Moment(float(number), f"visit {number}", picture(120), depth,
                                  picture(90)))
    assert write_sheet(journal, tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[1] > 4 * 400 and sheet.shape[0] > 2 * 300  # four columns, two rows
    assert sheet.std() > 20


def test_no_moment_no_sheet(tmp_path: Path) -> None:
    journal = Journal("film.mp4")
    journal.add_moment(Moment(0.0, "without a picture"))
    assert not write_sheet(journal, tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
