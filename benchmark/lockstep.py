"""The real funnel over DDS, led through a timeline of the embedded world frame by frame.

The nodes are those of the demo, in a process of their own, on simulated time. This process is
their camera: it moves the clock to a frame's time, publishes it as a driver would, and goes on when
the gate has decided and, for a frame that passed, fusion has told its objects. So the result does
not depend on how fast the machine is, and no time is spent waiting.
"""
from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmark.domain import own_domain
from smolvlm_ros.demo.files import shared_file
from smolvlm_ros.demo.preparing import prepare
from smolvlm_ros.demo.processes import Child
from smolvlm_ros.demo.world import DWELL_S, FRAME, world_parameters
from smolvlm_ros.launching.parameter_file import write_with_values
from smolvlm_ros.models.choice import NONE, Parameters, merged, parameters, resolve
from smolvlm_ros.qa.templates import Template, read_templates
from smolvlm_ros.world import MOUNTS, SCENES, World, WorldObject
from smolvlm_ros.world.scoring.funnel import score_funnel
from smolvlm_ros.world.scoring.funnel_score import FunnelScore
from smolvlm_ros.world.scoring.heard import FunnelLog

FIRST_SEED = 300        # of the timelines; their places are never trained on
TIMELINES = 20
TRUTH = "truth"         # models: boxes and depth are exact, and scene_qa has no model
_AHEAD = 8              # frames drawn before they are wanted
_TOLERANT: Parameters = {
    # In real time, for a message on its way and a model at work: the world stands still meanwhile,
    # or goes at the machine's pace, and what is said of it must not depend on that pace. All that
    # goes by the clock of the world is as shipped.
    "fusion": {"tf_timeout_s": 10.0},
    "scene_qa": {"timeout_s": 120.0}}


@dataclasses.dataclass(frozen=True)
class Minute:
    """A timeline to play.

    Attributes:
        scene, seed, camera, duration_s: as `World` takes them.
        models: as `models.choice` takes them, or 'truth'.
    """

    scene: str
    seed: int
    camera: str
    duration_s: float = 60.0
    models: str = "embedded"

    @property
    def source(self) -> str:
        """The same as a source of video_source."""
        return f"world:{self.scene}?seed={self.seed}&camera={self.camera}"

    def world(self) -> World:
        """The world, ready to draw."""
        return World(self.scene, self.seed, camera=self.camera, duration_s=self.duration_s)


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """What is wanted of a world's frame; see `WorldFrame`."""

    time_s: float
    image_bgr: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    pose: NDArray[np.float64]
    objects: tuple[WorldObject, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Played:
    """The outcome of a minute."""

    minute: Minute
    log: FunnelLog
    score: FunnelScore
    wall_s: float


def timelines(count: int = TIMELINES, first_seed: int = FIRST_SEED, duration_s: float = 60.0,
              models: str = "embedded") -> tuple[Minute, ...]:
    """The benchmark's timelines: the places by turns, each for a while with the same camera."""
    return tuple(Minute(SCENES[n % len(SCENES)], first_seed + n,
                        MOUNTS[n // len(SCENES) % len(MOUNTS)], duration_s, models)
                 for n in range(count))


def play(minute: Minute, folder: Path | None = None) -> Played:
    """Play a timeline and score what the funnel said. Once in a process.

    Args:
        minute: what to play.
        folder: for parameters and the funnel's log; None for one that is gone afterwards.

    Raises:
        ModelError: the models cannot be had.
        ChildError: the funnel ended, or did not answer; with its last words.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockstep_")))
        own_domain(stack)
        begin = time.monotonic()
        log, templates = _played(minute, folder, stack)
        score = score_funnel(minute.world().timeline, log, templates, DWELL_S)
        return Played(minute, log, score, time.monotonic() - begin)


def _played(minute: Minute, folder: Path, stack: contextlib.ExitStack
            ) -> tuple[FunnelLog, tuple[Template, ...]]:
    values = _values(minute)
    path = write_with_values(shared_file("config/demo.yaml"), values, folder / "parameters.yaml")
    templates = read_templates(_templates(path))
    drawing = stack.enter_context(_drawing(minute))
    camera = stack.enter_context(_camera(minute, templates))
    child = Child("funnel", _arguments(path, minute), folder / "funnel.log")
    stack.callback(child.stop)
    camera.await_funnel(child)
    for drawn in drawing:
        camera.show(drawn, child)
    camera.await_verdicts(child)
    return camera.log(), templates


def _values(minute: Minute) -> Parameters:
    if minute.models == TRUTH:
        chosen = merged(parameters(NONE), {"fusion": {"depth_anchor": "surface"},
                                           "detector": {"kind": "regions"}})
    else:
        choice = resolve(minute.models, minute.source)
        if choice.note:
            print(choice.note, flush=True)
        chosen = choice.parameters()
    zones = {"fusion": {"zones": minute.world().zones_yaml(FRAME, dwell_s=DWELL_S)}}
    values = merged(chosen, world_parameters(minute.source, zones=False), zones, _TOLERANT)
    prepare(values, lambda text: print(text, flush=True))
    return values


def _templates(path: Path) -> str:
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return str(content["/**/scene_qa"]["ros__parameters"]["templates"])


def _arguments(path: Path, minute: Minute) -> list[str]:
    arguments = ["--ros-args", "--params-file", str(path), "-p", "use_sim_time:=true",
                 "-r", "image:=image_raw"]
    for node in ("gate", "depth", "detector", "fusion", "scene_qa"):
        arguments += ["-p", f"{node}:autostart:=true"]
    if minute.models == TRUTH:
        for topic in ("detections", "depth/image_rect", "depth/camera_info"):
            arguments += ["-r", f"fusion:{topic}:=truth/{topic}"]
    return arguments


@contextlib.contextmanager
def _drawing(minute: Minute) -> Iterator[Iterator[Drawn]]:
    """The frames in order, drawn ahead in a process of their own."""
    with ProcessPoolExecutor(1, get_context("spawn"), _begin_drawing, (minute,)) as pool:
        count = minute.world().frame_count

        def frames() -> Iterator[Drawn]:
            waiting: deque[Future[Drawn]] = deque()
            for index in range(count + _AHEAD):
                if index < count:
                    waiting.append(pool.submit(_draw, index))
                if index >= _AHEAD:
                    yield waiting.popleft().result()
        try:
            yield frames()
        finally:
            pool.shutdown(cancel_futures=True)


_worlds: list[World] = []  # of a drawing process


def _begin_drawing(minute: Minute) -> None:
    cv2.setNumThreads(1)
    _worlds.append(minute.world())


def _draw(index: int) -> Drawn:
    frame = _worlds[0].frame(index)
    return Drawn(frame.time_s, cv2.cvtColor(frame.image_rgb, cv2.COLOR_RGB2BGR), frame.depth_m,
                 frame.pose_world_from_camera, frame.objects)


@contextlib.contextmanager
def _camera(minute: Minute, templates: Sequence[Template]) -> Iterator[Any]:
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from benchmark.lockstep_camera import LockstepCamera
    from smolvlm_ros.ros.process import Spinner

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    try:
        world = minute.world()
        spinner = Spinner(LockstepCamera(world.camera, templates, minute.models == TRUTH,
                                         world.timeline.camera.on_base))
        try:
            yield spinner.node
        finally:
            spinner.stop()
    finally:
        rclpy.try_shutdown()
