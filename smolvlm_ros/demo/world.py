"""What the funnel is told of the embedded world that it watches: its zones, and the kind of place.

A robot's operator would write the same into the parameter file: where the watched floor is, and
whether it is under the sky. Nothing that the funnel has to find out is given away.
"""
from __future__ import annotations

from smolvlm_ros.models.choice import Parameters
from smolvlm_ros.sources import SourceError
from smolvlm_ros.sources.world import USAGE, is_world, parse_world

# A minute in which people walk into the watched zone, stand or lie down there, and leave.
DEMO_SOURCE = "world:corridor?seed=1"
# Long enough to have settled: whoever lies down in the zone does so within five seconds.
DWELL_S = 6.0
FRAME = "map"


def world_parameters(source: str, zones: bool = True) -> Parameters:
    """The depth variant for the place, and its zones; nothing for any other source.

    Args:
        source: as video_source takes it.
        zones: False for a parameter file with zones of its own.

    Raises:
        SourceError: for a text that names no world.
    """
    if not is_world(source):
        return {}
    from smolvlm_ros.world import World

    said = parse_world(source)
    try:
        world = World(said.scene, said.seed, camera=said.camera)
    except ValueError as error:
        raise SourceError(f"source {source}: {error}; {USAGE}") from error
    values: Parameters = {"depth": {"scene": "outdoor" if world.scenery.outdoor else "indoor"}}
    if zones:
        values["fusion"] = {"zones": world.zones_yaml(FRAME, dwell_s=DWELL_S)}
    return values
