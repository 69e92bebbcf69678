"""A detector that works beside a callback, so that no frame waits for it."""
from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smolvlm_ros.detection import Detections, Detector, DetectorConfig
from smolvlm_ros.models.embedded import is_embedded, require_world
from smolvlm_ros.ros import images
from smolvlm_ros.ros.mailbox import Mailbox

_DEAD_AFTER_S = 10.0


@dataclass(frozen=True)
class Seen:
    """What was found in the frame of that stamp, in seconds."""

    found: Detections
    stamp_s: float


class SideDetector:
    """Looks at one frame at a time; its answer is fetched later.

    Args:
        node: a FunnelNode; the worker lives until its present phase ends.
        name: of the detector, for health and latencies.
        detector: used by the worker alone.
        config: the detector's settings as they are now.
    """

    def __init__(self, node: Any, name: str, detector: Detector,
                 config: Callable[[], DetectorConfig]) -> None:
        self._node = node
        self._name = name
        self._detector = detector
        self._config = config
        self._lock = threading.Lock()
        self._asked = 0
        self._busy = False
        self._seen: Seen | None = None
        self._worker: Mailbox[tuple[int, Any, float]] = Mailbox(name, self._look, self._failed)
        node.own_worker(name, self._worker, lambda: _DEAD_AFTER_S)

    def ask(self, message: Any, stamp_s: float) -> bool:
        """Have it look at an image message; False when it is at another one still."""
        with self._lock:
            if self._busy:
                return False
            self._busy = True
            self._asked += 1
            self._worker.put((self._asked, message, stamp_s))
            return True

    def answer(self) -> Seen | None:
        """What it has found since the last call; None when there is nothing new."""
        with self._lock:
            seen, self._seen = self._seen, None
            return seen

    def forget(self) -> None:
        """Let the answer that is under way or not fetched yet count for nothing."""
        with self._lock:
            self._asked += 1
            self._busy, self._seen = False, None

    def _look(self, item: tuple[int, Any, float]) -> None:
        number, message, stamp_s = item
        seen: Seen | None = None
        try:
            source = self._detector.info.source
            if is_embedded(source):
                require_world(source, message.header.frame_id)
            with self._node.stats.timed(self._name):
                self._detector.config = self._config()
                found = self._detector.detect(images.to_rgb(message))
            seen = Seen(found, stamp_s)
        finally:  # a frame that it failed at is done with too
            self._done(number, seen)

    def _failed(self, error: Exception) -> None:
        self._node.endpoints.report(self._name, error)

    def _done(self, number: int, seen: Seen | None) -> None:
        with self._lock:
            if number == self._asked:
                self._busy, self._seen = False, seen
