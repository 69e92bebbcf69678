"""Writes timelines by chance: who enters, stops, lies down, crosses and leaves.

Drawn again until nobody runs into anybody else, and until whoever is in the zone stays there long
enough to be asked about.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smolvlm_ros.world import palette
from smolvlm_ros.world.actors import Actor, Key, Place
from smolvlm_ros.world.looks import radius_of, random_look
from smolvlm_ros.world.mounts import random_way
from smolvlm_ros.world.outdoor import lane_x
from smolvlm_ros.world.scenery import Scenery
from smolvlm_ros.world.stage import Stage, changing_light, zone_ahead
from smolvlm_ros.world.timeline import Timeline
from smolvlm_ros.world.zones import zone_events

DURATION_S = 60.0
LEAST_STAY_S = 4.0   # in the zone, for whoever enters it
_TRIES = 60


def write_timeline(scenery: Scenery, mount: str, rng: np.random.Generator,
                   duration_s: float = DURATION_S) -> Timeline:
    """A timeline for a place and a kind of camera.

    Raises:
        ValueError: for an unknown mount or a duration under 20 s.
    """
    if not duration_s >= 20:
        raise ValueError(f"a timeline of {duration_s:g} s is too short for anybody to come and go; "
                         "give at least 20 s")
    camera = random_way(mount, scenery.outdoor, rng, duration_s)
    stage = Stage(scenery, camera, zone_ahead(scenery, mount, rng), duration_s)
    writer = _Writer(stage, rng)
    writer.add_visits()
    writer.add_passers()
    writer.add_props()
    return Timeline(scenery.name, duration_s, camera, tuple(stage.actors), (stage.zone,),
                    changing_light(scenery, rng, duration_s))


class _Writer:
    """Adds actors one after the other, each checked against those before."""

    def __init__(self, stage: Stage, rng: np.random.Generator) -> None:
        self.stage, self.rng = stage, rng
        self.scenery, self.zone, self.duration_s = stage.scenery, stage.zone, stage.duration_s
        self._jackets = list(rng.permutation(list(palette.COLOURS)))

    def add_visits(self) -> None:
        """Actors who enter the zone and stay there, one after the other."""
        count = max(1, int(self.duration_s // 19))
        slot = self.duration_s / count
        # A thing once, and of the people every second one lies down.
        thing = int(self.rng.integers(count)) if count > 2 else -1
        turn = int(self.rng.integers(2))
        for number in range(count):
            # Outdoors the way to the zone is long; some are under way when it all begins.
            head_start = 7.0 if self.scenery.outdoor else 0.0
            lying = (number - (-1 < thing < number) + turn) % 2 == 0
            for _ in range(_TRIES):
                begin = number * slot + self.rng.uniform(2.5, 5.0) - head_start
                if number == thing:
                    actor = self._thing_visit(begin, slot)
                else:
                    actor = self._person_visit(begin, slot, lying,
                                               number == count - 1)
                if self._accept(actor, enters=True):
                    break

    def add_passers(self) -> None:
        """People who cross and keep out of the zone, where there is a way around it."""
        for _ in range(int(self.rng.integers(1, 3))):
            begin = self.rng.uniform(8.0, max(8.0, self.duration_s - 16.0))
            for _ in range(_TRIES // 4):
                source, target = self.rng.permutation(len(self.scenery.exits))[:2]
                aside = (self._point_in_view() if self.rng.random() < 0.5 else None)
                ways = self._way(int(source), aside, int(target))
                actor = self._walker(ways, begin, self.rng.uniform(1.0, 1.35))
                if self._accept(actor, enters=False):
                    break

    def add_props(self) -> None:
        """Things that stand there all the time, out of everybody's way."""
        kinds = self.rng.permutation([palette.BOX, palette.BALL, palette.CONE, palette.BOX])
        for kind in kinds[:int(self.rng.integers(2, 4))]:
            for _ in range(_TRIES):
                x, y = self._point_in_view()
                if self.stage.is_clear(x, y, radius_of(str(kind))):
                    self._add(str(kind), (Key(0.0, (x, y)),), self.rng.uniform(-3.1, 3.1))
                    break

    def _person_visit(self, begin: float, slot: float, lying: bool, last: bool) -> Actor:
        source, target = self.rng.integers(len(self.scenery.exits), size=2)
        stop = self._point_in_zone()
        ways = self._way(int(source), stop, int(target))
        stay = self.rng.uniform(7.5, 9.5) + (2.0 if lying else 0.0)
        speed = self.rng.uniform(0.95, 1.3)
        keys = _timed(ways[:ways.index(stop) + 1], begin, speed)
        arrived = keys[-1].time_s
        if lying:
            settle = arrived + self.rng.uniform(0.4, 1.0)
            keys += [Key(settle, stop, True)]
            if last and self.rng.random() < 0.4:   # is still there at the end
                return self._made(palette.PERSON, [*keys, Key(self.duration_s + 5, stop)])
            keys += [Key(arrived + stay, stop)]
            arrived += 0.3
        leave = _timed(ways[ways.index(stop):], arrived + stay, speed)
        return self._made(palette.PERSON, keys + leave)

    def _thing_visit(self, begin: float, slot: float) -> Actor:
        stay = self.rng.uniform(6.5, 8.0)
        if self.scenery.outdoor:
            x, side = lane_x(self.scenery), float(self.rng.choice((-1, 1)))
            stop = (x, self.rng.uniform(-0.6, 0.6))
            ways = [(x, side * 30.0), (x, side * 9.0), stop, (x, -side * 9.0), (x, -side * 30.0)]
            kind, speeds = palette.VEHICLE, [6.0, 3.0, 3.0, 6.0]
        else:
            source, target = self.rng.integers(len(self.scenery.exits), size=2)
            stop = self._point_in_zone()
            ways = self._way(int(source), stop, int(target))
            kind, speeds = palette.BALL, [1.0] * (len(ways) - 1)
        index = ways.index(stop)
        keys = _timed(ways[:index + 1], begin, *speeds[:index])
        leave = _timed(ways[index:], keys[-1].time_s + stay, *speeds[index:])
        return self._made(kind, keys + leave)

    def _walker(self, ways: list[Place], begin: float, speed: float) -> Actor:
        return self._made(palette.PERSON, _timed(ways, begin, speed))

    def _made(self, class_name: str, keys: list[Key], heading: float = 0.0) -> Actor:
        number = len(self.stage.actors)
        colour = str(self._jackets[number % len(self._jackets)])
        return Actor(number + 1, class_name, colour, random_look(class_name, colour, self.rng),
                     tuple(keys), heading)

    def _add(self, class_name: str, keys: tuple[Key, ...], heading: float) -> None:
        self.stage.actors.append(self._made(class_name, list(keys), heading))

    def _way(self, source: int, stop: Place | None, target: int) -> list[Place]:
        """From one exit to another, through the middle of the openings."""
        _, low, _, high = self.scenery.area
        ends = []
        for index in (source, target):
            x, y = self.scenery.exits[index]
            ends.append([(x, y), (x, float(np.clip(y, low, high)))])
        middle = [] if stop is None else [stop]
        return [*ends[0], *middle, *reversed(ends[1])]

    def _point_in_zone(self) -> Place:
        polygon = np.array(self.zone.polygon)
        weights = self.rng.dirichlet(np.ones(len(polygon)))
        x, y = 0.4 * (weights @ polygon) + 0.6 * polygon.mean(0)
        return float(x), float(y)

    def _point_in_view(self) -> Place:
        low_x, low_y, high_x, high_y = self.scenery.area
        x = self.rng.uniform(max(low_x, 3.0), min(high_x, self.stage.center[0] + 5.0))
        half = 0.5 * x
        y = self.rng.uniform(max(low_y, -half), min(high_y, half))
        return float(x), float(y)

    def _accept(self, actor: Actor, enters: bool) -> bool:
        """Keep an actor if its way is free and its stay in the zone is as wanted."""
        events = zone_events([actor], [self.zone])
        if enters:
            stays = [b.time_s - a.time_s for a, b in zip(events[::2], events[1::2], strict=True)]
            if len(stays) != 1 or stays[0] < LEAST_STAY_S:
                return False
        elif events:
            return False
        if not self.stage.way_is_free(actor):
            return False
        self.stage.actors.append(actor)
        return True



def _timed(places: Sequence[Place], begin: float, *speeds: float) -> list[Key]:
    """Keys for a way with constant speed, or one for each stretch."""
    keys = [Key(round(begin, 3), places[0])]
    each = speeds * (len(places) - 1) if len(speeds) == 1 else speeds
    for a, b, speed in zip(places, places[1:], each, strict=False):
        way = math.dist(a, b)
        if way > 0.05:
            keys.append(Key(round(keys[-1].time_s + way / speed, 3), b))
    return keys
