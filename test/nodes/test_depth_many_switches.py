"""A hundred changes of the variant while frames come: none lost, none wrong, memory flat."""
from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
pytest.importorskip("smolvlm_ros.msg", reason="needs ROS 2 and the built interfaces")

import depth_bench  # noqa: E402
from depth_bench import CAMERA, Gate, Request, gate  # noqa: E402
from peer import wait_for  # noqa: E402
from smolvlm_ros.msg import DepthState  # noqa: E402

from smolvlm_ros.ros import images  # noqa: E402
from smolvlm_ros.ros.stamps import to_nanoseconds  # noqa: E402

models = depth_bench.models
SWITCHES, SETTLED = 100, 30
GROWTH_MIB = 8.0  # 70 networks that are not given back take 14


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def kept_mib(funnel: Gate) -> float:
    """What the test itself keeps."""
    return sum(len(depth.data) for depth in funnel.depths) / 2**20


class Load:
    """Sends a frame as soon as all before it have been answered, those before this one included."""

    def __init__(self, funnel: Gate) -> None:
        self._funnel, self._stop = funnel, threading.Event()
        self.sent = [to_nanoseconds(depth.header.stamp) for depth in funnel.depths]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        funnel = self._funnel
        while not self._stop.is_set():
            header = funnel.send()
            self.sent.append(to_nanoseconds(header.stamp))
            wait_for(lambda: len(funnel.depths) >= len(self.sent), "a frame's depth")

    def end(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("preload", [False, True])
def test_a_hundred_switches_under_load(preload: bool, models: dict[str, Any]) -> None:
    with gate(**models, preload=preload) as funnel:
        near = float(np.median(funnel.look()))
        first = len(funnel.depths)
        load = Load(funnel)
        try:
            for count in range(SWITCHES):
                scene = (Request.OUTDOOR, Request.INDOOR)[count % 2]
                answer = funnel.set_scene(scene)
                assert answer.success and answer.active == scene
                before = len(funnel.depths)  # one more frame at least by each variant
                wait_for(lambda before=before: len(funnel.depths) > before + 1, "frames")
                if count == SETTLED:
                    settled_mib = resident_mib() - kept_mib(funnel)
        finally:
            load.end()
        grown_mib = resident_mib() - kept_mib(funnel) - settled_mib
        counters = funnel.node.stats.counters()
        assert counters["switches"] == SWITCHES and counters.get("callback_errors", 0) == 0
        # Every frame that was sent has its depth, and every depth its state.
        wait_for(lambda: len(funnel.states) > SWITCHES + len(funnel.depths), "the states")
        assert [to_nanoseconds(d.header.stamp) for d in funnel.depths] == sorted(load.sent)
        states = {to_nanoseconds(s.header.stamp): s for s in funnel.states if s.header.frame_id}
        focal = {DepthState.INDOOR: 1.0,
                 DepthState.OUTDOOR: 4 * (CAMERA.fx / CAMERA.width) / (725.0 / 1242.0)}
        seen = []
        for depth in funnel.depths[first:]:
            state = states[to_nanoseconds(depth.header.stamp)]
            metres = images.to_depth_m(depth)
            assert np.median(metres) / near == pytest.approx(focal[state.variant], rel=1e-3)
            assert np.nanmax(metres[np.isfinite(metres)]) <= state.range_m
            seen.append(state.variant)
        assert sum(a != b for a, b in zip(seen, seen[1:], strict=False)) >= SWITCHES - 1
        assert grown_mib < GROWTH_MIB, f"{grown_mib:.1f} MiB more after {SWITCHES} switches"
