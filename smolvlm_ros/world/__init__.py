"""The embedded world: a drawn place with people and things, of which everything is known.

    world = World("corridor", seed=3, camera="robot")
    frame = world.frame(200)          # any frame, at once
    frame.image_rgb, frame.depth_m, frame.mask, frame.objects, frame.facts
    world.events                      # who enters and leaves the zone, and exactly when

    scene = sample(17)                # a single scene, for training

numpy and OpenCV only; the same seeds give the same bytes.
"""
from smolvlm_ros.world.actors import Actor, Key
from smolvlm_ros.world.facts import balanced, facts_of, sighted
from smolvlm_ros.world.mounts import MOUNTS, CameraKey, CameraWay
from smolvlm_ros.world.palette import CLASSES, COLOURS
from smolvlm_ros.world.sampling import SEEDS_PER_PLACE, sample
from smolvlm_ros.world.timeline import LightKey, Timeline
from smolvlm_ros.world.truth import Fact, WorldFrame, WorldObject
from smolvlm_ros.world.world import CAMERA, FPS, SCENES, World
from smolvlm_ros.world.zones import ENTER, LEAVE, WorldZone, ZoneEvent

__all__ = ["Actor", "CAMERA", "CLASSES", "COLOURS", "CameraKey", "CameraWay", "ENTER", "FPS",
           "Fact", "Key", "LEAVE", "LightKey", "MOUNTS", "SCENES", "SEEDS_PER_PLACE", "Timeline",
           "World", "WorldFrame", "WorldObject", "WorldZone", "ZoneEvent", "balanced", "facts_of",
           "sample", "sighted"]
