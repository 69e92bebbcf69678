"""scene_qa over DDS asks a zone event's unclear question again, and publishes one verdict."""
from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import TEMPLATES, QaBench, qa_bench  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from smolvlm_ros.msg import SceneVerdict, ZoneEvent  # noqa: E402

from smolvlm_ros.qa.verdict import YesNo  # noqa: E402

BOX = (4.0, 20.0, 40.0, 40.0)


def clear_from(b: QaBench, first_clear: int) -> list[Any]:
    """Have the model sure of a yes from that call on, and of nothing before; the calls."""
    calls: list[Any] = []

    def yes_no(image: Any, questions: Any) -> list[YesNo]:
        calls.append(questions)
        p = 0.95 if len(calls) >= first_clear else 0.5
        return [YesNo(p, 1.0, 1.0), YesNo(1 - p, 1.0, 1.0)]
    b.node.engine.yes_no = yes_no
    return calls


def two_sightings(b: QaBench, *ages_s: float) -> list[Image]:
    frames = [b.frame(age_s) for age_s in ages_s]
    for frame in frames:
        b.boxes(frame, t7=BOX)
    return frames


def asked_again(b: QaBench, times: int) -> None:
    b.peer.await_status("scene_qa", lambda level, text, values:
                        values["asked_again"] == str(times), "the question asked again")


def test_what_was_unclear_is_asked_again_on_newer_frames(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, ask_again=1,
                  second_frame_timeout_s=60.0) as b:
        clear_from(b, 2)  # half of the first attempt is enough to abstain
        first, second = two_sightings(b, 4.0, 3.0)
        b.event(at=first.header.stamp)
        asked_again(b, 1)
        assert not b.verdicts
        third, fourth = two_sightings(b, 2.0, 1.0)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert verdict.answer == SceneVerdict.YES
        assert verdict.pass_stamps == [fourth.header.stamp] * 2 + [third.header.stamp] * 2
        assert second.header.stamp not in verdict.pass_stamps


def test_what_stays_unclear_is_published_once(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, ask_again=1,
                  second_frame_timeout_s=60.0) as b:
        calls = clear_from(b, 99)
        first, _ = two_sightings(b, 4.0, 3.0)
        b.event(at=first.header.stamp)
        asked_again(b, 1)
        two_sightings(b, 2.0, 1.0)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert verdict.answer == SceneVerdict.UNSURE and "p_yes = 0.50" in verdict.reason
        two_sightings(b, 0.5, 0.0)
        b.event(ZoneEvent.LEAVE)
        assert len(b.verdicts) == 1 and len(calls) == 2


def test_who_has_left_is_not_waited_for(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, ask_again=1,
                  second_frame_timeout_s=60.0) as b:
        clear_from(b, 99)
        first, second = two_sightings(b, 4.0, 3.0)
        b.event(at=first.header.stamp)
        asked_again(b, 1)
        b.event(ZoneEvent.LEAVE, zone="gate")  # another zone
        b.event(ZoneEvent.LEAVE)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert verdict.header.stamp == second.header.stamp and "0.50" in verdict.reason


def leaves(b: QaBench) -> None:
    b.event(ZoneEvent.LEAVE)


def clock_goes_back(b: QaBench) -> None:
    b.frame(60.0)


@pytest.mark.parametrize(("name", "happens"), [("add", leaves), ("drop", clock_goes_back)])
def test_nor_is_who_leaves_while_the_model_works(
        tiny_vlm: Path, monkeypatch: pytest.MonkeyPatch, name: str,
        happens: Callable[[QaBench], None]) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, ask_again=1,
                  second_frame_timeout_s=60.0) as b:
        works, go, told = threading.Event(), threading.Event(), threading.Event()

        def yes_no(*_: Any) -> list[YesNo]:
            works.set()
            assert go.wait(60)
            return [YesNo(0.5, 1.0, 1.0)] * 2
        b.node.engine.yes_no = yes_no
        first, second = two_sightings(b, 4.0, 3.0)
        b.event(at=first.header.stamp)
        wait_for(works.is_set, "the model to work")
        tell = getattr(b.node._questions, name)

        def noted(*what: Any) -> None:
            tell(*what)
            told.set()
        monkeypatch.setattr(b.node._questions, name, noted)
        happens(b)
        wait_for(told.is_set, "the questions to be told")
        go.set()
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert verdict.header.stamp == second.header.stamp and "0.50" in verdict.reason
        assert not b.node.stats.counters().get("asked_again")


def test_it_may_be_asked_only_once(tiny_vlm: Path) -> None:
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES) as b:
        clear_from(b, 99)
        first, _ = two_sightings(b, 4.0, 3.0)
        b.event(at=first.header.stamp)
        assert wait_for(lambda: b.verdicts, "the verdict")[0].answer == SceneVerdict.UNSURE
