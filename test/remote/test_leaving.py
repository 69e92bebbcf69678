"""What of a crop leaves: the object, never most of a frame, with its persons where they are."""
from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from smolvlm_ros.qa.crops import ZONE, Box, CropConfig, cropped
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.remote.leaving import LeavingConfig, NotACrop, leaving
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.records import Evidence

WHOLE = Frame(np.arange(480 * 640 * 3, dtype=np.uint32).reshape(480, 640, 3).astype(np.uint8), 1.0)


def evidence(box: Box, of: str = "object") -> Evidence:
    """As scene_qa makes it: the crop of the robot's own model, with the persons in it."""
    persons = Persons()
    persons.tell(1.0, [box, (0.0, 0.0, 30.0, 90.0)])  # and a bystander in the corner
    crop = cropped(WHOLE, box, CropConfig(), of)
    return Evidence(crop, persons.shown_in(crop))


def test_a_person_nearby_leaves_without_the_rest_of_the_frame() -> None:
    given = evidence((200.0, 60.0, 350.0, 420.0))
    assert given.crop.image_rgb.shape == (480, 640, 3) and len(given.person_boxes) == 2
    [sent] = leaving([given], LeavingConfig())
    assert sent.crop.region == (185, 24, 365, 456)
    assert np.array_equal(sent.crop.image_rgb, WHOLE.image_rgb[24:456, 185:365])
    assert sent.person_boxes == ((15.0, 36.0, 165.0, 396.0),)  # the bystander is not in it
    small = dataclasses.replace(given.crop, image_rgb=given.crop.image_rgb[::2, ::2], scale=0.5)
    [sent] = leaving([Evidence(small, ((100.0, 30.0, 175.0, 210.0),))], LeavingConfig())
    assert sent.crop.image_rgb.shape == (216, 91, 3)
    assert sent.person_boxes == ((8.0, 18.0, 83.0, 198.0),)


@pytest.mark.parametrize(("box", "of"), [((150.0, 60.0, 560.0, 470.0), "object"),
                                         ((40.0, 140.0, 600.0, 480.0), ZONE)])
def test_what_fills_the_frame_stays_here(box: Box, of: str) -> None:
    fits = evidence((300.0, 200.0, 340.0, 300.0))
    for config in (LeavingConfig(), LeavingConfig(margin=0.0)):
        with pytest.raises(NotACrop, match=r"fills \d\d % of the frame, more than escalation.crop"):
            leaving([fits, evidence(box, of)], config)
    assert leaving([evidence(box, of)], LeavingConfig(max_share=0.95, margin=0.0))


def test_whole_frames_and_parts_of_unknown_ones_stay_here() -> None:
    part = Frame(WHOLE.image_rgb, 1.0, region=(0, 0, 640, 480))
    for crops in ([WHOLE], [part], []):
        with pytest.raises(NotACrop, match="whole frames do not leave|no crop to send"):
            leaving([Evidence(crop) for crop in crops], LeavingConfig())


def test_a_box_that_is_none_is_not_lost_on_the_way() -> None:
    given = dataclasses.replace(evidence((300.0, 200.0, 340.0, 300.0)),
                                person_boxes=((math.nan, 0.0, 1.0, 1.0),))
    assert len(leaving([given], LeavingConfig())[0].person_boxes) == 1
