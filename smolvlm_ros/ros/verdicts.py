"""Verdicts and moments as messages."""
from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from smolvlm_ros.msg import SceneVerdict
from smolvlm_ros.qa.moments import Found
from smolvlm_ros.qa.verdict import Answer, Verdict
from smolvlm_ros.ros.stamps import ExactStamps, from_seconds

_ANSWERS = {Answer.UNSURE: SceneVerdict.UNSURE, Answer.YES: SceneVerdict.YES, Answer.NO: SceneVerdict.NO}


def to_message(verdict: Verdict, stamps: ExactStamps, latency_ms: float, zone: str = "",
               track_id: str = "") -> SceneVerdict:
    """The message of a verdict.

    Args:
        verdict: the verdict.
        stamps: knows the stamps of the frames it stands on.
        latency_ms: from the question to the verdict.
        zone: the zone that raised the question.
        track_id: the track it is about.
    """
    return SceneVerdict(
        header=Header(stamp=stamps.stamp(verdict.stamp_s), frame_id=verdict.frame_id),
        question=verdict.question, answer=_ANSWERS[verdict.answer], p_yes=float(verdict.p_yes),
        reason=verdict.reason, model=verdict.model, valid_until=_stamp(verdict.valid_until_s),
        zone=zone, track_id=track_id,
        pass_questions=[p.question for p in verdict.passes],
        pass_negated=[p.negated for p in verdict.passes],
        pass_stamps=[stamps.stamp(p.stamp_s) for p in verdict.passes],
        pass_p_yes=[float(p.p_yes) for p in verdict.passes],
        pass_mass=[float(p.mass) for p in verdict.passes], latency_ms=float(latency_ms))


def fill_found(response: Any, found: Sequence[Found]) -> Any:
    """Put moments into a FindMoment response."""
    response.success = True
    response.message = f"{len(found)} moments"
    response.stamps = [_stamp(f.moment.stamp_s) for f in found]
    response.descriptions = [f.moment.text for f in found]
    response.scores = [float(f.score) for f in found]
    response.thumbnails = [_picture(f) for f in found]
    return response


def thumbnail(image_rgb: NDArray[np.uint8], width: int) -> bytes:
    """A JPEG of that width in pixels; nothing for a width of 0."""
    if not width:
        return b""
    height = max(1, round(image_rgb.shape[0] * width / image_rgb.shape[1]))
    small = cv2.resize(image_rgb, (width, height), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return data.tobytes() if done else b""


def _picture(found: Found) -> CompressedImage:
    message = CompressedImage(header=Header(stamp=_stamp(found.moment.stamp_s)), format="jpeg")
    message.data = array("B", found.moment.thumbnail)
    return message


def _stamp(seconds: float) -> Time:
    return from_seconds(max(0.0, seconds))
