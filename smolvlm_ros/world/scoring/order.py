"""What came first in a place of the embedded world: asked of a video and of a single frame."""
from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.models.embedded import WORLD_FRAME_ID
from smolvlm_ros.qa.engine import Engine
from smolvlm_ros.qa.order import decide
from smolvlm_ros.qa.past_question import parse
from smolvlm_ros.qa.verdict import Answer, Frame, PolicyConfig
from smolvlm_ros.qa.video import VideoConfig, VideoRing, frames_for
from smolvlm_ros.world.actors import Actor, Key, Place
from smolvlm_ros.world.facts import sighted
from smolvlm_ros.world.truth import WorldFrame
from smolvlm_ros.world.world import World

CAMERA = CameraModel.from_fov(320, 240, 66.0)  # the embedded model sees no more
_FPS = 1.0                # of the frames: what a gate passes, and more
_FIRST_S = (3.0, 8.0)     # when the first one comes
_APART_S = (2.0, 9.0)     # and how much later the second
_SPAN_S = 20.0
_ASIDE_M = 1.0            # between the two
_MARGIN = 0.1             # of the image
_NEAR_M, _FAR_M = 1.0, 8.0


@dataclass(frozen=True, eq=False)
class OrderCase:
    """A question about order with its truth.

    Attributes:
        question: 'Did the ball come before the person?'
        truth: True for yes.
        frames: of the last 20 seconds, as a gate would pass them, oldest first.
    """

    question: str
    truth: bool
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class OrderScore:
    """How often an answer was right.

    Attributes:
        cases: how many were asked.
        video_right, video_wrong: by the frames and their stamps; the rest was UNSURE.
        single_right: by the model, asked the same of the newest frame, the likelier answer taken.
    """

    cases: int
    video_right: int
    video_wrong: int
    single_right: int


def case_of(scene: str, seed: int) -> OrderCase | None:
    """Two of a place's actors come one after the other, and stay; None where two cannot be placed.

    Args:
        scene: 'corridor', 'room' or 'path'.
        seed: of the place and of all choices.
    """
    rng = np.random.default_rng([seed, 71])
    told = World(scene, seed, model=CAMERA)
    places = _places(told)
    pairs = [(a, b) for a, b in itertools.permutations(places, 2)
             if a.class_name != b.class_name and math.dist(places[a], places[b]) > _ASIDE_M]
    if not pairs:
        return None
    pair = pairs[int(rng.integers(len(pairs)))]
    at_s = float(rng.uniform(*_FIRST_S))
    times_s = (at_s, at_s + float(rng.uniform(*_APART_S)))
    names = tuple(actor.class_name for actor in pair)
    actors = [dataclasses.replace(actor, keys=(Key(t, places[actor]), Key(2 * _SPAN_S,
                                                                          places[actor])))
              for actor, t in zip(pair, times_s, strict=True)]
    others = [actor for actor in told.timeline.actors if actor.class_name not in names]
    world = World(dataclasses.replace(told.timeline, actors=(*actors, *others)), seed,
                  model=CAMERA)
    made = [world.at(t / _FPS) for t in range(int(_SPAN_S * _FPS) + 1)]
    if not _true(made, *names):
        return None  # something hides one of them
    truth = bool(rng.random() < 0.5)
    named = names if truth else names[::-1]
    return OrderCase(f"Did the {named[0]} come before the {named[1]}?", truth, tuple(
        Frame(frame.image_rgb, frame.time_s, WORLD_FRAME_ID) for frame in made))


def _places(world: World) -> dict[Actor, Place]:
    """Where each actor is at some time and is looked at, of those that are anywhere."""
    camera, pose = world.camera, world.timeline.camera.pose(0.0)
    found: dict[Actor, Place] = {}
    for actor, time_s in itertools.product(world.timeline.actors,
                                           np.arange(0.0, world.timeline.duration_s, 2.0)):
        state = actor.at(float(time_s))
        if state is None or actor in found:
            continue
        x, y, z = (np.array([*state.place, 0.4]) - pose[:3, 3]) @ pose[:3, :3]
        if not _NEAR_M < z < _FAR_M:
            continue
        u = (camera.fx * x / z + camera.cx) / camera.width
        v = (camera.fy * y / z + camera.cy) / camera.height
        if _MARGIN < u < 1 - _MARGIN and _MARGIN < v < 1 - _MARGIN:
            found[actor] = state.place
    return found


def _true(made: Sequence[WorldFrame], early: str, late: str) -> bool:
    """What the pictures show: the early one well while the late one is not there, then both."""
    seen = [sighted(frame.objects, frame.mask) for frame in made]
    clear = [{item.class_name for item in s.clear} for s in seen]
    shown = [{item.class_name for item in (*s.clear, *s.unclear)} for s in seen]
    come = next((i for i, names in enumerate(shown) if late in names), None)
    if come is None or early in shown[0] or late in shown[0]:
        return False
    return any(early in names for names in clear[:come]) and late in clear[-1]


def score(cases: Sequence[OrderCase], engine: Engine, video: VideoConfig | None = None,
          policy: PolicyConfig | None = None) -> OrderScore:
    """Ask every case of the video and of its newest frame alone."""
    video, policy = video or VideoConfig(), policy or PolicyConfig()
    right = wrong = single = 0
    for case in cases:
        ring = VideoRing(video)
        for frame in case.frames:
            ring.add(frame)
        asked = parse(case.question)
        assert asked is not None, case.question
        begin_s, end_s = case.frames[0].stamp_s, case.frames[-1].stamp_s
        chosen = ring.choose(begin_s, frames_for(video, engine))
        unseen = ring.unseen(begin_s, end_s, policy.min_contrast)
        answer = decide(case.question, asked, chosen, engine, policy, unseen,
                        ring.left_out(begin_s, chosen)).answer
        if answer is not Answer.UNSURE:
            right += (answer is Answer.YES) == case.truth
            wrong += (answer is Answer.YES) != case.truth
        alone, = engine.yes_no(case.frames[-1].image_rgb, [case.question])
        single += (alone.p_yes >= 0.5) == case.truth
    return OrderScore(len(cases), right, wrong, single)
