"""The journal: what a run says of itself."""
from __future__ import annotations

import json
import math

from smolvlm_ros.demo.journal import CallEntry, Journal, Moment, VerdictEntry, ZoneEntry
from smolvlm_ros.demo.screen import render


def filled() -> Journal:
    journal = Journal("film.mp4")
    journal.gate(1000.0, True, "heartbeat", 1, 1)
    journal.gate(1000.1, False, "dropped", 2, 1)
    journal.gate(1000.2, True, "motion", 3, 2)
    journal.objects(1000.2, [("7", "moving", 3.0)])
    journal.objects(1001.2, [("7", "person", 2.5), ("8", "person", 4.0)])
    journal.zone_events.append(ZoneEntry(1.2, "enter", "door", "7", "person", math.nan, 0.0))
    journal.verdicts.append(VerdictEntry(1.2, "Is it?", "UNSURE", math.nan, "no model", 0))
    journal.calls.append(CallEntry(1.2, "ask", "Is it?", "UNSURE", "no model", 12.0))
    journal.latency_ms["gate"] = {"p50": 1.0, "p95": 2.0, "p99": 3.0}
    return journal


def test_stamps_count_from_the_first_frame() -> None:
    summary = filled().summary()
    assert summary["frames_in"] == 3 and summary["frames_passed"] == 2
    assert summary["passed_stamps"] == [0.0, 0.2]
    assert summary["pass_rate"] == 0.6667
    assert summary["pass_reasons"] == {"heartbeat": 1, "motion": 1}


def test_a_track_takes_its_newest_class_and_distance() -> None:
    objects = {o["track_id"]: o for o in filled().summary()["objects"]}
    assert objects["7"] == {"track_id": "7", "class_name": "person", "first_s": 0.2, "last_s": 1.2,
                            "sightings": 2, "distance_m": 2.5}
    assert filled().summary()["objects_seen"] == 3


def test_the_summary_is_plain_json_with_null_for_what_is_not_known() -> None:
    text = json.dumps(filled().summary(), allow_nan=False)
    read = json.loads(text)
    assert read["zone_events"][0]["distance_m"] is None and read["verdicts"][0]["p_yes"] is None
    assert {"frames_in", "frames_passed", "objects", "zone_events", "verdicts", "latency_ms",
            "passed_stamps"} <= set(read)


def test_an_empty_run_can_be_summed_up_and_shown() -> None:
    journal = Journal("nothing.mp4")
    assert journal.summary()["pass_rate"] is None
    assert any("no events yet" in line for line in render(journal, 0.0))


def test_moments_keep_the_first_ones_and_the_newest() -> None:
    journal = Journal("film.mp4")
    for number in range(9):
        journal.add_moment(Moment(float(number), str(number)))
    assert [m.title for m in journal.moments] == ["0", "1", "2", "3", "4", "8"]
    journal.add_moment(Moment(9.0, "better"), better=True)
    assert [m.title for m in journal.moments] == ["0", "1", "2", "3", "4", "better"]


def test_better_pictures_of_a_visit_keep_its_verdict_until_there_is_another() -> None:
    journal = Journal("film.mp4")
    journal.add_moment(Moment(1.0, "enters", verdict="Is there a ball? YES: both", judged=True))
    journal.add_moment(Moment(7.0, "stays in"), better=True)
    (moment,) = journal.moments
    assert moment.verdict.startswith("Is there a ball?") and not moment.judged


def test_better_pictures_replace_those_of_the_same_object() -> None:
    journal = Journal("film.mp4")
    journal.add_moment(Moment(1.0, "person 1 enters", verdict="Is there a person? YES: both",
                              track_id="1"))
    journal.add_moment(Moment(2.0, "ball 2 enters", verdict="Is there a ball? NO: both",
                              track_id="2"))
    journal.add_moment(Moment(7.0, "person 1 stays in", track_id="1"), better=True)
    assert [(m.title, m.verdict[:14]) for m in journal.moments] == [
        ("person 1 stays in", "Is there a per"), ("ball 2 enters", "Is there a bal")]


def test_the_table_says_what_matters_and_fits() -> None:
    lines = render(filled(), 12.0, 80)
    text = "\n".join(lines)
    assert all(len(line) <= 80 for line in lines)
    for word in ("passed     2", "dropped      1", "enter  door", "UNSURE Is it?", "gate 1/2/3",
                 "1.2 s  ask: Is it? -> UNSURE no model in 12 ms", "health"):
        assert word in text, word
