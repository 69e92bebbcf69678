"""What is kept of the recent past, which of it is chosen, and what is made of several frames."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from smolvlm_ros.qa.prompt import video_prefix
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.qa.video import (
    EACH,
    TOGETHER,
    VideoConfig,
    VideoRing,
    frames_for,
    together,
    told,
)

HALL = np.random.default_rng(0).integers(90, 110, (120, 160, 3), dtype=np.uint8)


def frame(stamp_s: float, *things: int) -> Frame:
    """A hall with somebody in white at each of these columns."""
    image = HALL.copy()
    for x in things:
        image[40:110, x:x + 20] = 240
    noise = np.random.default_rng(round(stamp_s * 100)).integers(-3, 4, image.shape)
    return Frame(np.clip(image + noise, 0, 255).astype(np.uint8), stamp_s, "camera")


def ring(frames: Sequence[Frame], **config: Any) -> VideoRing:
    made = VideoRing(VideoConfig(**config))
    for one in frames:
        made.add(one)
    return made


def stamps(frames: Sequence[Frame]) -> list[float]:
    return [f.stamp_s for f in frames]


def test_what_does_not_change_is_kept_now_and_then_and_what_changes_at_once() -> None:
    still = [frame(t / 10) for t in range(100)]
    assert len(ring(still)) == 2  # at 0 and 5 s
    comes = [*still, frame(10.0, 60), frame(10.1, 60), frame(10.2, 60)]
    assert stamps(ring(comes).choose(0.0, 9)) == [0.0, 5.0, 10.0, 10.2]  # and the newest


def test_of_many_those_are_chosen_that_tell_most() -> None:
    moments = [(0, ()), (2, (10,)), (4, (12,)), (6, (14,)), (8, (14, 80)), (10, (14, 82)), (12, ())]
    kept = ring([frame(float(t), *x) for t, x in moments], min_change=0.0)
    assert len(kept) == 7
    chosen = stamps(kept.choose(0.0, 4))
    assert chosen[0] == 0.0 and chosen[-1] == 12.0 and len(chosen) == 4
    assert any(2 <= t <= 6 for t in chosen) and any(8 <= t <= 10 for t in chosen)
    # What was there at the begin is told by the last frame before it.
    assert stamps(kept.choose(7.0, 9))[0] == 6.0
    assert stamps(kept.choose(99.0, 2)) == [12.0]
    assert VideoRing().choose(0.0, 2) == ()


def test_limits_and_a_clock_that_goes_back() -> None:
    many = [frame(float(t), 10 * (t % 9)) for t in range(90)]
    few = ring(many, max_frames=5)
    assert len(few) == 5 and stamps(few.choose(0.0, 5))[-1] == 89.0
    old = stamps(ring(many, history_s=10.0).choose(0.0, 99))
    assert old[0] == 79.0 and old[-1] == 89.0
    few.add(frame(88.9))  # out of order
    assert len(few) == 5
    few.add(frame(3.0))   # a restarted clock
    assert len(few) == 1
    large = VideoRing(VideoConfig(max_edge_px=64))
    large.add(frame(0.0))
    assert large.choose(0.0, 2)[0].image_rgb.shape == (48, 64, 3)


def test_what_of_a_period_was_not_seen() -> None:
    begin_s, end_s, least = 100.0, 120.0, 3.0

    def unseen(*stamps_s: float, dark_s: float = -1.0, **config: Any) -> str:
        shown = [Frame(np.zeros((60, 80, 3), np.uint8), t) if t == dark_s else frame(t)
                 for t in stamps_s]
        return ring(shown, **config).unseen(begin_s, end_s, least)

    assert unseen(95.0, 105.0, 115.0) == ""  # a gate's heartbeats
    assert unseen(*(90.0 + 0.1 * i for i in range(300))) == ""  # every frame of a camera
    assert unseen(100.5, 110.0) == ""
    for late in ((), (101.5, 110.0), (119.0,), (130.0,)):
        assert "do not reach back" in unseen(*late)
    for gap_s, seen in ((15.0, (95.0, 110.0)), (20.0, (90.0, 110.0, 115.0)), (17.0, (99.0, 103.0))):
        assert f"no frame came for {gap_s:.1f} s" in unseen(*seen, max_gap_s=14.0)
        assert unseen(*seen, max_gap_s=20.0) == ""
    # Dark ones count though others came right before and after them, or they are chosen by nobody.
    close = (99.0, 105.0, 105.1, 105.2, 105.3, 110.0, 115.0)
    for dark_s in (99.0, 105.1, 110.0):
        assert "shows nothing" in unseen(*close, dark_s=dark_s)
    assert unseen(80.0, *close, dark_s=80.0) == ""  # before the period
    made = ring([frame(t) for t in (95.0, 105.0, 115.0)])
    made.add(frame(20.0))  # a restarted clock
    assert made.unseen(20.0, 25.0, least) == ""
    assert "do not reach back" in made.unseen(15.0, 25.0, least)


def test_the_budget_says_how_many() -> None:
    class Many:
        tokens_per_image = 81

    assert frames_for(VideoConfig(max_tokens=640), Many()) == 7
    assert frames_for(VideoConfig(max_tokens=64), Many()) == 2
    assert frames_for(VideoConfig(max_tokens=640), object()) == 5


def test_a_model_of_the_embedded_world_gets_one_frame_at_a_time() -> None:
    class Model:
        tokens_per_image, embedded = 64, False

        def watch(self, *_: Any, **__: Any) -> Iterator[str]:
            yield ""

    real, world = Model(), Model()
    world.embedded = True
    assert together(VideoConfig(), real) is real and together(VideoConfig(), world) is None
    assert together(VideoConfig(how=TOGETHER), world) is world
    assert together(VideoConfig(how=EACH), real) is None
    assert together(VideoConfig(how=TOGETHER), object()) is None


def test_what_each_frame_tells_becomes_one_text() -> None:
    parts = [(1.0, "A hall."), (3.0, "A hall."), (9.0, "A man.")]
    assert told(parts, 12.0) == "11 s ago: A hall. 3 s ago: A man."
    assert told(parts, 8.9).endswith(" 0 s ago: A man.")  # a stamp just ahead of the clock
    assert told([], 12.0) == ""


def left_out(kept: VideoRing, since_s: float, count: int) -> tuple[float, ...]:
    return kept.left_out(since_s, kept.choose(since_s, count))


def test_frames_left_out_that_show_something_else_are_told() -> None:
    walk = [(0, ()), (2, (10,)), (4, (45,)), (6, (80,)), (8, (115,)), (10, ()), (12, ())]
    kept = ring([frame(float(t), *x) for t, x in walk])
    assert len(kept.choose(0.0, 9)) == 7 and left_out(kept, 0.0, 9) == ()
    few = stamps(kept.choose(0.0, 4))
    assert len(few) == 4
    assert set(left_out(kept, 0.0, 4)) == {2.0, 4.0, 6.0, 8.0} - set(few) != set()
    # What the ring itself has let go counts as well, from the one that shows the begin.
    thin = ring([frame(float(t), *x) for t, x in walk], max_frames=2)
    assert len(thin) == 2 and left_out(thin, 0.0, 9) == (2.0, 4.0, 6.0, 8.0)
    assert left_out(thin, 7.0, 9) == (6.0, 8.0) and left_out(thin, 10.5, 9) == ()
    # One that shows what the one before or after it shows is not missed.
    still = ring([frame(float(t), *((60,) if t > 30 else ())) for t in range(0, 61, 5)])
    assert stamps(still.choose(0.0, 2)) == [0.0, 60.0] and left_out(still, 0.0, 2) == ()


def test_what_was_left_out_is_forgotten_in_time() -> None:
    many = ring([frame(float(t), 10 * (t % 9)) for t in range(90)], max_frames=3, history_s=10.0)
    assert left_out(many, 0.0, 2) and min(left_out(many, 0.0, 2)) >= 79.0
    many.add(frame(3.0))  # a restarted clock
    for stamp_s, x in ((4.0, 60), (5.0, 10)):
        many.add(frame(stamp_s, x))
    assert left_out(many, 0.0, 2) == (4.0,)


def test_the_prompt_is_that_of_the_processor_for_videos() -> None:
    processing = pytest.importorskip("transformers.models.smolvlm.processing_smolvlm")
    text = video_prefix("<image>", [0.0, 2.4, 65.0], "Look.")
    assert text.startswith("<|im_start|>System: Look.<end_of_utterance>\nUser: ")
    intro = processing.DEFAULT_VIDEO_INTRO.format(frame_count="three", video_duration="0:01:05")
    frames = "".join(processing.FRAME_TIMESTAMP_MESSAGE.format(timestamp=t) + "<image>"
                     for t in ("00:00", "00:02", "01:05"))
    assert text.endswith(f"User: {intro}{frames}{processing.DEFAULT_MEDIA_OUTTRO}")


def test_a_model_sees_every_frame_in_its_place(tiny_checkpoint: Any) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForImageTextToText

    from smolvlm_ros.qa.engine import EngineConfig, make_engine
    from smolvlm_ros.qa.prompt import chat_question

    engine: Any = make_engine(EngineConfig(model=str(tiny_checkpoint), device="cpu",
                                           max_new_tokens=6))
    shown = [frame(0.0), frame(2.0, 60), frame(5.0, 100)]
    text = "".join(engine.watch(shown, "What happened?"))
    other = "".join(engine.watch(shown[::-1], "What happened?"))
    assert text == "".join(engine.watch(shown, "What happened?"))
    # The same in one pass, as transformers' own model does it.
    plain = AutoModelForImageTextToText.from_pretrained(str(tiny_checkpoint)).eval()
    ids = engine.tokens.encode(video_prefix(engine.tokens.image_text, [0.0, 2.0, 5.0],
                                            EngineConfig().system_prompt)
                               + chat_question("What happened?"))
    pixels = torch.from_numpy(np.stack([engine.tile.pixels(f.image_rgb) for f in shown]))[None]
    with torch.inference_mode():
        made = plain.generate(input_ids=torch.tensor([ids]), pixel_values=pixels,
                              attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                              max_new_tokens=6, do_sample=False)
    assert text == engine.tokens.decode(made[0, len(ids):].tolist())
    assert isinstance(other, str) and engine.tokens_per_image == engine.tile.tokens
    engine.close()


def test_a_camera_that_showed_one_image_has_not_seen_that_time() -> None:
    stuck = frame(110.0)
    made = ring([frame(100.0), frame(105.0), stuck,
                 *(dataclasses.replace(stuck, stamp_s=110.0 + 0.1 * i) for i in range(1, 40)),
                 frame(115.0)])
    assert "one image, equal in every pixel, for 3.9 s" in made.unseen(100.0, 115.0, 3.0, False)
    assert made.unseen(100.0, 115.0, 3.0, True) == ""
    assert made.unseen(114.9, 116.0, 3.0, False) != "" == made.unseen(115.0, 116.0, 3.0, False)
