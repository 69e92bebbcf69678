"""What happens in a world, as data: actors, camera, zones and light over time.

All of it is a function of time, so that any moment can be looked at without those before it.
"""
from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from smolvlm_ros.world.actors import Actor
from smolvlm_ros.world.mounts import CameraWay
from smolvlm_ros.world.zones import LEAVE, WorldZone, ZoneEvent, zone_events


@dataclass(frozen=True)
class LightKey:
    """Brightness of the whole place at a time; between two keys it changes evenly."""

    time_s: float
    gain: float


@dataclass(frozen=True)
class Timeline:
    """All that happens in a world, as data.

    Attributes:
        scene: name of the place.
        duration_s: length.
        camera: the camera's way.
        actors: people and things, with their ways.
        zones: watched parts of the floor.
        lights: brightness over time.
    """

    scene: str
    duration_s: float
    camera: CameraWay
    actors: tuple[Actor, ...]
    zones: tuple[WorldZone, ...]
    lights: tuple[LightKey, ...]

    @cached_property
    def events(self) -> tuple[ZoneEvent, ...]:
        """Every crossing of a zone's edge before the end, in order of time."""
        return tuple(event for event in zone_events(self.actors, self.zones)
                     if event.time_s < self.duration_s)

    def gain(self, time_s: float) -> float:
        """Brightness at a time."""
        return float(np.interp(time_s, [key.time_s for key in self.lights],
                               [key.gain for key in self.lights]))

    def as_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists, numbers and texts, ready for JSON or YAML."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """What happens, one line of text for each key and event, in order of time."""
        told = [(event.time_s, f"{event.colour} {event.class_name} {event.track_id} "
                 f"{'leaves' if event.kind == LEAVE else 'enters'} {event.zone}")
                for event in self.events]
        for actor in self.actors:
            name = f"{actor.colour} {actor.class_name} {actor.track_id}"
            for a, b in zip(actor.keys, (*actor.keys[1:], None), strict=True):
                at = f"({a.place[0]:.1f}, {a.place[1]:.1f})"
                if b is None:
                    text = "is gone from" if len(actor.keys) > 1 else "stands at"
                elif a.lying:
                    text = "lies down at"
                else:
                    text = "stops at" if a.place == b.place else "moves on from"
                told.append((a.time_s, f"{name} {text} {at}"))
        return [f"{time_s:6.2f} s  {text}" for time_s, text in sorted(told)]
