"""The motion gate: one decision for every frame, at any camera motion, in about a millisecond."""
from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.decision import GateDecision, Reason
from smolvlm_ros.gate.frame import (
    UNKNOWN,
    RepeatCheck,
    check_frame,
    mask_image,
    reduce_colour,
    reduce_image,
    work_size,
)
from smolvlm_ros.gate.policy import Evidence, PassPolicy
from smolvlm_ros.gate.watch import SceneWatch


class MotionGate:
    """Decides which frames of one camera pass.

        gate = MotionGate(GateConfig(heartbeat_s=5.0))
        if gate.step(image_rgb, stamp_s).open: ...

    Not thread-safe; one gate for each camera.
    """

    def __init__(self, config: GateConfig | None = None) -> None:
        self._config = config or GateConfig()
        self._policy = PassPolicy()
        self._repeats = RepeatCheck()
        self._numbers = itertools.count(1)   # of things; none is used again after a reset
        self._watch = SceneWatch(self._numbers)
        self._shape: tuple[int, ...] = ()
        self._size = (0, 0)
        self._mask: NDArray[np.bool_] | None = None
        self._stamp_s: float | None = None
        self._fresh_s = 0.0
        self._frozen = False
        self._detected: tuple[float, str] | None = None   # score and name
        self._detected_s = float("-inf")
        self._why_reset = ""

    @property
    def config(self) -> GateConfig:
        """The settings in force."""
        return self._config

    @property
    def frozen(self) -> bool:
        """True while the camera sends one image under fresh stamps."""
        return self._frozen

    def configure(self, config: GateConfig) -> None:
        """Take new settings; a new work width begins anew, all others go on with what is known."""
        if config.work_width_px != self._config.work_width_px:
            self.reset("work_width_px changed")
        if not config.detector:
            self._detected = None   # what it saw is old when it is switched on again
        self._config = config
        self._mask = mask_image(config.ignore_masks, self._size) if self._shape else None

    def request(self, reason_text: str = "") -> None:
        """Let the next frame pass, whatever it shows; of a frozen camera the first new one.

        Args:
            reason_text: who asks and why; for the caller's log, nothing depends on it.
        """
        self._policy.request()

    def wants_detections(self, stamp_s: float) -> bool:
        """True when the gate's detector is due: at most `detector_rate_hz`, never when off."""
        since = abs(stamp_s - self._detected_s)
        return self._config.detector and since * self._config.detector_rate_hz >= 1

    def note_detections(self, scores: Sequence[float], class_names: Sequence[str], stamp_s: float
                        ) -> bool:
        """Tell what the gate's detector found; what counts lets frames pass until told otherwise.

        Args:
            scores: N scores, 0 to 1.
            class_names: N names.
            stamp_s: time of the frame it looked at, seconds.

        Returns:
            True when one of them counts by `detector_score` and `detector_classes`.

        Raises:
            ValueError: when there are not as many names as scores.
        """
        config = self._config
        seen = zip(scores, class_names, strict=True)
        counting = [(float(score), name) for score, name in seen if score >= config.detector_score
                    and (not config.detector_classes or name in config.detector_classes)]
        self._detected_s = stamp_s
        self._detected = max(counting, default=None) if config.detector else None
        return bool(counting)

    def reset(self, why: str) -> None:
        """Forget the scene; the next decision says why in `reset`."""
        self._watch = SceneWatch(self._numbers)
        self._repeats.clear()
        self._policy.restart()
        self._frozen = False
        self._shape = ()
        self._stamp_s = None
        self._detected = None
        self._detected_s = float("-inf")
        self._why_reset = why

    def step(self, image: NDArray[np.uint8], stamp_s: float,
             full_size: tuple[int, int] | None = None) -> GateDecision:
        """Decide on one frame.

        Args:
            image: shape (H, W, 3) RGB or (H, W) grey, uint8; not kept, not changed.
            stamp_s: the frame's time, seconds.
            full_size: (width, height) of the full-resolution image when this is a smaller copy
                of it; regions are given in its pixels.

        Raises:
            ValueError: on another shape or type, or a stamp that is not finite; the gate's state
                stays as it was.
        """
        check_frame(image, stamp_s, full_size)
        dt_s = self._advance(image.shape, stamp_s)
        work = reduce_image(image, self._size)
        repeated = self._repeats.repeated(image, work)
        if repeated:
            frozen = stamp_s - self._fresh_s >= self._config.frozen_after_s
            evidence, fraction = Evidence(novelty=self._watch.novelty(), repeated=True,
                                          frozen=frozen), 0.0
        else:
            self._fresh_s = stamp_s
            evidence, fraction = self._look(image, work, dt_s, stamp_s)
        self._frozen = evidence.frozen
        reason = self._policy.decide(evidence, stamp_s, self._config)
        if reason is not Reason.NONE:
            self._watch.mark()
        full = full_size or (image.shape[1], image.shape[0])
        scale = (full[0] / self._size[0], full[1] / self._size[1])
        why, self._why_reset = self._why_reset, ""
        score, name = self._detected or (0.0, "")
        return GateDecision(
            open=reason is not Reason.NONE, reason=reason,
            regions=self._watch.regions(scale, stamp_s), motion_fraction=fraction,
            novelty=evidence.novelty, detected_class=name, detected_score=score,
            event_id=self._policy.event_id, repeated=repeated,
            frozen=evidence.frozen, reset=why)

    def _advance(self, shape: tuple[int, ...], stamp_s: float) -> float:
        """Begin anew where frames do not follow each other; the time since the last frame."""
        last_s = self._stamp_s
        if self._shape and shape[:2] != self._shape[:2]:
            self.reset(f"resolution changed from {self._shape[1]}x{self._shape[0]} "
                       f"to {shape[1]}x{shape[0]}")
        elif self._shape and len(shape) != len(self._shape):
            self.reset("the image changed from " + ("grey to colour" if len(shape) == 3
                                                    else "colour to grey"))
        elif last_s is not None and stamp_s < last_s:
            self.reset(f"time went back by {last_s - stamp_s:.3f} s")
        elif last_s is not None and stamp_s - last_s > self._config.stall_s:
            self.reset(f"no frame for {stamp_s - last_s:.3f} s")
        if not self._shape:
            self._shape = shape
            self._size = work_size(shape[1], shape[0], self._config.work_width_px)
            self._mask = mask_image(self._config.ignore_masks, self._size)
        dt_s = 0.0 if self._stamp_s is None else stamp_s - self._stamp_s
        self._stamp_s = stamp_s
        return dt_s

    def _look(self, image: NDArray[np.uint8], work: NDArray[np.uint8], dt_s: float,
              stamp_s: float) -> tuple[Evidence, float]:
        grey = work.astype(np.float32)
        if self._mask is not None:
            grey[self._mask] = UNKNOWN
        seen = self._watch.observe(grey, dt_s, stamp_s, self._config,
                                   lambda: reduce_colour(image, self._size))
        evidence = Evidence(seen.onset, seen.moving, seen.present, seen.novelty,
                            self._detected is not None)
        return evidence, seen.motion_fraction
