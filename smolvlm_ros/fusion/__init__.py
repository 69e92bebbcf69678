"""Boxes and depth to objects, tracks and zone events in 3D. No ROS."""
from smolvlm_ros.fusion.fuse import Fused, FusionConfig, Object3D, Unplaced, fuse
from smolvlm_ros.fusion.measure import (
    DepthView,
    Measurement,
    Refusal,
    between_tracks,
    nearest_of_class,
)
from smolvlm_ros.fusion.mount import mount_transform
from smolvlm_ros.fusion.named import named_at_pixel, named_in_box
from smolvlm_ros.fusion.sightings import Sightings
from smolvlm_ros.fusion.tracks import Track, TrackConfig, Tracker3D
from smolvlm_ros.fusion.transform import Transform
from smolvlm_ros.fusion.under_way import FramesUnderWay, GateWord
from smolvlm_ros.fusion.zone_file import read_zones
from smolvlm_ros.fusion.zone_monitor import ZoneMonitor, ZoneTransition
from smolvlm_ros.fusion.zones import Zone

__all__ = [
    "DepthView", "FramesUnderWay", "Fused", "FusionConfig", "GateWord", "Measurement", "Object3D",
    "Refusal", "Sightings", "Track", "TrackConfig", "Tracker3D", "Transform", "Unplaced", "Zone",
    "ZoneMonitor", "ZoneTransition", "between_tracks", "fuse", "mount_transform",
    "named_at_pixel", "named_in_box", "nearest_of_class", "read_zones",
]
