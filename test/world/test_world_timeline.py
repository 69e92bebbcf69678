from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smolvlm_ros.fusion.zone_file import parse_zones
from smolvlm_ros.world import CLASSES, COLOURS, ENTER, LEAVE, MOUNTS, SCENES, Actor, Key, World
from smolvlm_ros.world.looks import random_look
from smolvlm_ros.world.script import LEAST_STAY_S
from smolvlm_ros.world.zones import WorldZone, zone_events


def actor(*keys: Key, class_name: str = "person") -> Actor:
    look = random_look(class_name, "red", np.random.default_rng(0))
    return Actor(1, class_name, "red", look, keys)


@pytest.fixture(scope="module", params=[(scene, mount, seed) for scene in SCENES for mount in MOUNTS
                                        for seed in (0, 7, 1234)],
                ids=lambda case: "-".join(map(str, case)))
def world(request):
    scene, mount, seed = request.param
    return World(scene, seed, camera=mount)


def test_timelines_are_well_formed(world):
    timeline = world.timeline
    assert world.frame_count == len(world) == 900 and world.fps == 15.0
    assert [a.track_id for a in timeline.actors] == list(range(1, len(timeline.actors) + 1))
    for one in timeline.actors:
        assert one.class_name in CLASSES and one.colour in COLOURS
        assert world.scenery.outdoor or one.class_name != "vehicle"
    gains = [timeline.gain(t) for t in np.linspace(0, 60, 61)]
    assert 0.6 < min(gains) and max(gains) < 1.15
    # Data through and through.
    assert json.loads(json.dumps(timeline.as_dict()))["scene"] == timeline.scene
    assert any("enters" in line for line in timeline.lines())


def test_whoever_enters_the_zone_stays_long_enough(world):
    enters = [event for event in world.events if event.kind == ENTER]
    assert 2 <= len(enters) <= 3
    for event in enters:
        leaves = [e.time_s for e in world.events
                  if e.kind == LEAVE and e.track_id == event.track_id]
        end = leaves[0] if leaves else math.inf
        assert len(leaves) <= 1 and end - event.time_s >= LEAST_STAY_S
        assert 1.0 < event.time_s < 57.0


def test_events_agree_with_positions(world):
    step = 0.02
    times = np.arange(0, 60, step)
    for one in world.timeline.actors:
        states = [one.at(float(t)) for t in times]
        for zone in world.zones:
            inside = np.array([s is not None and zone.contains(s.place) for s in states])
            changes = times[1:][inside[1:] != inside[:-1]]
            told = [e.time_s for e in world.events if e.track_id == one.track_id]
            assert len(changes) == len(told)
            assert not len(told) or np.all((changes - told >= 0) & (changes - told <= step + 1e-9))


def test_nobody_walks_into_anybody(world):
    for t in np.arange(0, 60, 0.5):
        eye = world.timeline.camera.pose(float(t))[:2, 3]
        places = [s.place for a in world.timeline.actors if (s := a.at(float(t))) is not None]
        for number, place in enumerate(places):
            assert math.dist(place, eye) > 1.4
            assert all(math.dist(place, other) > 0.5 for other in places[:number])


def test_entries_come_of_people_who_lie_and_who_do_not():
    # Over some worlds the zone sees both postures and a thing now and then.
    lying = upright = things = 0
    for seed in range(12):
        world = World("corridor", seed)
        for event in world.events:
            if event.kind == ENTER:
                who = world.timeline.actors[event.track_id - 1]
                things += who.class_name != "person"
                laid = any(key.lying for key in who.keys)
                lying += laid
                upright += not laid and who.class_name == "person"
    assert min(lying, upright, things) >= 6


def test_zones_are_understood_by_fusion(world):
    (zone,) = parse_zones(world.zones_yaml("map", ("person",), 2.0))
    assert zone.name == world.zones[0].name and zone.classes == ("person",) and zone.dwell_s == 2.0


SQUARE = WorldZone("square", ((0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)))


@pytest.mark.parametrize(("a", "b", "share"), [
    ((-1.0, 1.0), (3.0, 1.0), (0.25, 0.75)),   # straight through
    ((1.0, 1.0), (3.0, 1.0), (0.0, 0.5)),      # out of it
    ((-1.0, 1.0), (1.0, 1.0), (0.5, 1.0)),     # into it
    ((0.5, 0.5), (1.5, 1.5), (0.0, 1.0)),      # all inside
    ((-1.0, -1.0), (-1.0, 3.0), None),         # beside it
    ((-1.0, 0.5), (0.5, -1.0), None),          # past its corner
])
@pytest.mark.parametrize("reverse", [False, True])
def test_crossings_are_exact(a, b, share, reverse):
    zone = WorldZone("z", tuple(reversed(SQUARE.polygon))) if reverse else SQUARE
    assert zone.crossings(a, b) == (None if share is None else pytest.approx(share))


def test_a_stay_over_several_keys_is_one():
    walker = actor(Key(0.0, (-2.0, 1.0)), Key(4.0, (1.0, 1.0)), Key(9.0, (1.0, 1.0)),
                   Key(11.0, (1.0, 3.0)))
    events = zone_events([walker], [SQUARE])
    assert [(e.kind, e.time_s) for e in events] == [(ENTER, pytest.approx(8 / 3)),
                                                    (LEAVE, pytest.approx(10.0))]


point = st.tuples(st.floats(-5, 5), st.floats(-5, 5))


@settings(max_examples=150, deadline=None)
@given(points=st.lists(point, min_size=2, max_size=6))
def test_any_way_alternates_between_entering_and_leaving(points):
    keys = tuple(Key(float(i), p) for i, p in enumerate(points))
    walker = actor(*keys)
    events = zone_events([walker], [SQUARE])
    assert [e.kind for e in events[::2]] == [ENTER] * len(events[::2])
    assert [e.kind for e in events[1::2]] == [LEAVE] * len(events[1::2])
    assert len(events) % 2 == 0
    for enter, leave in zip(events[::2], events[1::2], strict=True):
        middle = walker.at((enter.time_s + leave.time_s) / 2)
        if leave.time_s - enter.time_s > 1e-6:
            x, y = middle.place
            assert -1e-6 <= x <= 2 + 1e-6 and -1e-6 <= y <= 2 + 1e-6


@settings(max_examples=60, deadline=None)
@given(points=st.lists(point, min_size=2, max_size=5), time_s=st.floats(-1, 6))
def test_an_actor_is_a_function_of_time(points, time_s):
    keys = tuple(Key(float(i), p) for i, p in enumerate(points))
    walker = actor(*keys)
    state = walker.at(time_s)
    assert (state is not None) == (0 <= time_s < len(points) - 1)
    if state is not None:
        assert 0 <= state.posture.swing <= 1 and state.posture.recline == 0
        assert -math.pi <= state.heading <= math.pi and state.moved_m >= 0
        later = walker.at(min(time_s + 1e-4, len(points) - 1 - 1e-9))
        # 15 m in a second is the longest way of these.
        assert math.dist(state.place, later.place) < 2e-3


@pytest.mark.parametrize(("keys", "said"), [
    ((), "no key"),
    ((Key(1.0, (0.0, 0.0)), Key(1.0, (1.0, 0.0))), "times must rise"),
    ((Key(0.0, (0.0, 0.0), True), Key(3.0, (1.0, 0.0))), "lies at 0 s and moves"),
])
def test_impossible_actors_are_refused(keys, said):
    with pytest.raises(ValueError, match=said):
        actor(*keys)


def test_a_thing_without_a_way_is_always_there():
    box = actor(Key(0.0, (1.0, 1.0)), class_name="box")
    assert box.at(-100.0) == box.at(1e6) and box.at(0.0).state == "still"
    assert zone_events([box], [SQUARE]) == ()


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("camera", ["static", "robot", "drone"])
@pytest.mark.parametrize("duration_s", [20.0, 22.0, 24.0])
def test_short_worlds_can_be_made(scene: str, camera: str, duration_s: float) -> None:
    for seed in range(3):
        assert len(World(scene, seed, camera=camera, duration_s=duration_s)) == duration_s * 15
