"""How the demo ends: the question asked at its end is answered before the funnel is stopped."""
from __future__ import annotations

from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")

from smolvlm_ros.demo import runner  # noqa: E402
from smolvlm_ros.demo.journal import Journal  # noqa: E402
from smolvlm_ros.demo.processes import ChildError  # noqa: E402
from smolvlm_ros.nodes.demo_watch import DemoWatch  # noqa: E402


class Watch:
    """A source that has finished without any zone event; an answer takes `turns` looks."""

    finished, last_message_s = True, 0.0
    active, refused = frozenset({"video_source"}), MappingProxyType({})

    def __init__(self, turns: int) -> None:
        self.turns, self.looks = turns, 0
        self.asked: list[str] = []

    @property
    def outstanding(self) -> int:
        self.looks += 1
        return int(self.looks < self.turns)

    def ask(self, question: str) -> None:
        self.asked.append(question)

    def measure(self) -> None:
        pass


@pytest.mark.parametrize(("turns", "looks"), [(5, 5), (10**9, 151)])
def test_the_end_waits_for_the_answer_but_not_for_ever(monkeypatch: pytest.MonkeyPatch, turns: int,
                                                       looks: int) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    watch = Watch(turns)
    options = runner.DemoOptions("demo", Path("out"), question="Is there a person?")
    runner._watch(options, Journal("demo"), watch, [], False)  # type: ignore[arg-type]
    assert watch.asked == ["Is there a person?"] and abs(watch.looks - looks) <= 1


def test_a_node_that_never_starts_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch
                                                             ) -> None:
    now = [100.0]
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: now[0]))
    watch = SimpleNamespace(active={"gate", "depth"}, refused={})
    wanted = {"gate", "depth", "video_source", "fusion"}
    runner._check([], watch, wanted, 100.0)
    now[0] += 121.0
    with pytest.raises(ChildError, match="^fusion, video_source not active within 120 s"):
        runner._check([], watch, wanted, 100.0)
    runner._check([], watch, {"gate"}, 100.0)


@pytest.mark.parametrize("finished", [True, False])
def test_after_the_end_the_last_frames_will_do(finished: bool) -> None:
    sent: list[Any] = []
    watch = SimpleNamespace(finished=finished, _ask_client=None,
                            _call=lambda _, request, *__: sent.append(request))
    DemoWatch.ask(watch, "Is there a person?")  # type: ignore[arg-type]
    assert sent[0].max_age_ms == (60_000 if finished else 0)
