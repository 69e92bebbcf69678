"""Does the memory find the moment? A minute's true events go in, people's questions are asked."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smolvlm_ros.memory import Kind, MemoryConfig, MemoryStore, Moment, Query
from smolvlm_ros.world.world import World
from smolvlm_ros.world.zones import ENTER, ZoneEvent

BEGIN_NS = 1_700_000_000 * 1_000_000_000
NEAR_S = 1.0
_DWELL_S = 2.0
_ASKED_S = 1.5  # after an entry, a verdict

_QUESTIONS = {
    "enter": ("when did the {0} enter the {1}", "When did a {0} last come into the {1}?",
              "who entered the {1}: a {0}"),
    "leave": ("when did the {0} leave the {1}", "when was the {0} gone from the {1}"),
}


@dataclass(frozen=True)
class Asked:
    """A question about a minute, and what the memory answered.

    Attributes:
        text: the question.
        truth_s: when it was, seconds from the minute's begin.
        found_s: the best moment found; None for nothing.
    """

    text: str
    truth_s: float
    found_s: float | None

    @property
    def right(self) -> bool:
        """True within a second."""
        return self.found_s is not None and abs(self.found_s - self.truth_s) <= NEAR_S


def moments_of(world: World) -> Iterator[Moment]:
    """What scene_qa would remember of a minute with a perfect funnel, in the order of time."""
    told: list[tuple[float, Moment]] = []
    for actor in world.timeline.actors:
        who = f"{actor.class_name} {actor.track_id}"
        told.append((actor.keys[0].time_s, _moment(
            max(0.0, actor.keys[0].time_s), f"saw {who}", Kind.OBJECT, "", actor.class_name,
            actor.track_id)))
    for event in world.events:
        told.append(_zone_moment(event, event.time_s, Kind(event.kind)))
        if event.kind == ENTER:
            told.append(_zone_moment(event, event.time_s + _DWELL_S, Kind.DWELL))
            for number, answer in enumerate(("NO", "YES")):
                at_s = event.time_s + _ASKED_S * (1 + 2 * number)
                told.append((at_s, _moment(
                    at_s, f"Did the {event.class_name} in {event.zone} fall? {answer}",
                    Kind.VERDICT, event.zone, event.class_name, event.track_id, answer == "NO")))
    yield from (moment for _, moment in sorted(told, key=lambda item: item[0]))


def ask(world: World) -> list[Asked]:
    """Ask about every kind of event of every class: each question means the last such event."""
    store = MemoryStore(MemoryConfig(thumbnails=False))
    try:
        for moment in moments_of(world):
            store.add(moment)
        if not store.flush(60):
            raise RuntimeError("the memory did not write a minute's moments within 60 s")
        last = {(e.kind, e.class_name, e.zone): e.time_s for e in world.events}
        asked = []
        for (kind, class_name, zone), truth_s in last.items():
            for question in _QUESTIONS[kind]:
                text = question.format(class_name, zone)
                found = store.find(Query(text, limit=1)).found
                asked.append(Asked(text, truth_s, (found[0].moment.stamp_ns - BEGIN_NS) * 1e-9
                                   if found else None))
        return asked
    finally:
        store.close()


def _zone_moment(event: ZoneEvent, at_s: float, kind: Kind) -> tuple[float, Moment]:
    text = f"{event.class_name} {event.track_id} {kind.value} {event.zone}"
    return at_s, _moment(at_s, text, kind, event.zone, event.class_name, event.track_id)


def _moment(at_s: float, text: str, kind: Kind, zone: str, class_name: str, track_id: int,
            denied: bool = False) -> Moment:
    return Moment(BEGIN_NS + round(at_s * 1e9), text, kind, zone, class_name, str(track_id),
                  denied)
