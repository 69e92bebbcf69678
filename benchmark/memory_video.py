"""What was: order told from a video against a single frame, and what the recent past costs.

    python benchmark/memory_video.py --json FILE [--quick]

Two things of the embedded world come one after the other ("did the ball come before the person?").
The embedded model is asked of the frames that the ring has chosen, and, for comparison, the same
question of the newest frame alone, where the likelier answer counts. Then the cost of keeping
frames, of finding site notes, and of covering faces in a picture that is kept.
"""
from __future__ import annotations

import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import common
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from smolvlm_ros.memory.notes import NotesConfig, NotesIndex  # noqa: E402
from smolvlm_ros.memory.thumbnail import covered, thumbnail  # noqa: E402
from smolvlm_ros.qa.engine import EngineConfig, NoEngine, make_engine  # noqa: E402
from smolvlm_ros.qa.verdict import Frame  # noqa: E402
from smolvlm_ros.qa.video import VideoRing  # noqa: E402
from smolvlm_ros.remote.privacy import PrivacyConfig  # noqa: E402
from smolvlm_ros.world import SCENES, World  # noqa: E402
from smolvlm_ros.world.scoring.order import OrderCase, case_of, score  # noqa: E402

_NOTES = 5000


def cases(count: int) -> list[OrderCase]:
    """So many questions; places where two things cannot be put are passed over."""
    found: list[OrderCase] = []
    for seed in range(3 * count):
        case = case_of(SCENES[seed % 3], seed)
        found += [case] if case else []
        if len(found) == count:
            break
    return found


def order(count: int) -> dict[str, float]:
    """How often each way is right; an UNSURE is not."""
    engine = make_engine(EngineConfig(model="world-vlm"))
    assert not isinstance(engine, NoEngine)  # it was asked for by name
    try:
        asked = cases(count)
        begin = time.perf_counter()
        found = score(asked, engine)
        seconds = time.perf_counter() - begin
    finally:
        engine.close()
    return {"order_cases": found.cases, "order_video_right": found.video_right / found.cases,
            "order_video_wrong": found.video_wrong / found.cases,
            "order_single_right": found.single_right / found.cases,
            "order_seconds_each": seconds / found.cases}


def costs(repeats: int) -> dict[str, float]:
    """Milliseconds: a frame kept, frames chosen, notes found, a small picture covered."""
    world = World(SCENES[1], 3)
    shown = [Frame(world.frame(i * 15).image_rgb, float(i)) for i in range(12)]
    ring = VideoRing()
    add_ms = []
    for number in range(repeats):
        frame = shown[number % len(shown)]
        later = Frame(frame.image_rgb, float(number))
        add_ms.append(common.timed_ms(partial(ring.add, later)))
    choose_ms = [common.timed_ms(partial(ring.choose, 0.0, 8)) for _ in range(repeats)]
    words = np.random.default_rng(5)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "site.md"
        things = ("dock", "door", "ramp", "stairs", "lamp", "shelf", "lift", "gate", "belt")
        file.write_text("".join(f"- The {things[a]} {b} stands beside the {things[c]} {d}.\n"
                                for a, b, c, d in words.integers(0, 9, (_NOTES, 4))))
        index_ms = common.timed_ms(lambda: NotesIndex([str(file)], 10000).close())
        index = NotesIndex([str(file)], 10000)
        note_ms = [common.timed_ms(partial(index.best, "Is the lamp 3 beside the door 4 on?",
                                           NotesConfig())) for _ in range(repeats)]
    small = thumbnail(shown[0].image_rgb, 160)
    boxes = [(0.2, 0.1, 0.4, 0.9)]
    cover_ms = [common.timed_ms(partial(covered, small, boxes, PrivacyConfig()))
                for _ in range(max(3, repeats // 20))]
    return {"video_add_ms": statistics.median(add_ms),
            "video_choose_ms": statistics.median(choose_ms),
            f"notes_index_ms_{_NOTES}_lines": index_ms,
            f"notes_find_ms_{_NOTES}_lines": statistics.median(note_ms),
            "thumbnail_cover_ms": statistics.median(cover_ms)}


def main() -> None:
    """Run all of it."""
    options = common.arguments(__doc__.splitlines()[0])
    result = costs(60 if options.quick else 400)
    print(common.table(("cost", "ms"), list(result.items())))
    result |= order(6 if options.quick else 100)
    print(f"order, {result['order_cases']} questions: {result['order_video_right']:.1%} right and "
          f"{result['order_video_wrong']:.1%} wrong from the frames, "
          f"{result['order_single_right']:.1%} right from the newest frame alone")
    common.write(result, options.json)


if __name__ == "__main__":
    main()
