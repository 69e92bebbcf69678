"""Tracks, zones and their events as messages: Detection3DArray, ZoneEvent, markers."""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from builtin_interfaces.msg import Time
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA, Header
from vision_msgs.msg import Detection3D, Detection3DArray
from visualization_msgs.msg import Marker, MarkerArray

from smolvlm_ros.fusion import Track, Zone, ZoneTransition
from smolvlm_ros.msg import ZoneEvent
from smolvlm_ros.ros.boxes import hypothesis, to_point
from smolvlm_ros.ros.transforms import to_quaternion

_KINDS = {"enter": ZoneEvent.ENTER, "dwell": ZoneEvent.DWELL, "leave": ZoneEvent.LEAVE}
_TRACK_COLOUR = ColorRGBA(r=0.16, g=0.72, b=0.96, a=0.55)
_STILL_M_S = 0.1
_TEXT_COLOUR = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
_ZONE_COLOUR = ColorRGBA(r=0.30, g=0.85, b=0.39, a=0.9)
_OCCUPIED_COLOUR = ColorRGBA(r=1.0, g=0.72, b=0.10, a=1.0)
_KEEP_OUT_COLOUR = ColorRGBA(r=0.93, g=0.26, b=0.21, a=0.9)


def to_detections_3d(header: Header, tracks: Iterable[Track],
                     rotation: NDArray[np.float64]) -> Detection3DArray:
    """The tracks seen in a frame.

    Each has one hypothesis with the position and its 6x6 covariance (how the object is turned is
    not known: the variance is that of a full turn), a box in metres, and the track's number as id.
    The box is aligned with the camera's view, in which its sides were measured: its orientation is
    the camera's.

    Args:
        header: stamp of the frame, frame_id of the tracks.
        tracks: what was seen.
        rotation: shape (3, 3), from the camera's optical frame to the tracks'.
    """
    message = Detection3DArray(header=header)
    orientation = to_quaternion(rotation)
    for track in tracks:
        result = hypothesis(track.class_name, track.score)
        result.pose.pose.position = to_point(track.position)
        result.pose.covariance = _pose_covariance(track.covariance)
        detection = Detection3D(header=header, results=[result], id=str(track.id))
        detection.bbox.center.position = to_point(track.position)
        detection.bbox.center.orientation = orientation
        size = detection.bbox.size
        size.x, size.y, size.z = (float(v) for v in track.size)
        message.detections.append(detection)
    return message


def _pose_covariance(position: NDArray[np.float64]) -> NDArray[np.float64]:
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = position
    covariance[3:, 3:] = np.eye(3) * math.pi ** 2 / 3  # uniform over a full turn: not known
    return covariance.ravel()


def to_zone_event(event: ZoneTransition, stamp: Time, distance_m: float) -> ZoneEvent:
    """The message of a transition.

    Args:
        event: the transition.
        stamp: of the frame that showed it.
        distance_m: from the camera at its last sighting, NaN when not known.
    """
    return ZoneEvent(
        header=Header(stamp=stamp, frame_id=event.zone.frame_id),
        kind=_KINDS[event.kind], zone=event.zone.name, keep_out=event.zone.keep_out,
        track_id=str(event.track_id), class_name=event.class_name,
        position=to_point(event.position), distance_m=float(distance_m),
        dwell_s=float(event.dwell_s))


def to_markers(header: Header, tracks: Sequence[Track], zones: Iterable[Zone],
               occupied: Sequence[str]) -> MarkerArray:
    """Everything rviz draws; it begins with a DELETEALL, so that what is gone disappears.

    Args:
        header: stamp, and frame_id of the tracks.
        tracks: what was seen in the frame.
        zones: all zones, each drawn in its own frame.
        occupied: names of the zones with somebody in them.
    """
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for track in tracks:
        markers.append(_sphere(header, track))
        markers.append(_label(header, track))
        if float(np.linalg.norm(track.velocity)) > _STILL_M_S:
            markers.append(_arrow(header, track))
    for number, zone in enumerate(zones):
        markers.append(_zone(Header(stamp=header.stamp, frame_id=zone.frame_id), zone, number,
                             zone.name in occupied))
    return MarkerArray(markers=markers)


def _marker(header: Header, namespace: str, number: int, kind: int, colour: ColorRGBA) -> Marker:
    marker = Marker(header=header, ns=namespace, id=number, type=kind, action=Marker.ADD,
                    color=colour)
    marker.pose.orientation.w = 1.0
    return marker


def _sphere(header: Header, track: Track) -> Marker:
    """The 95 % ellipsoid's largest axis as a sphere, but never smaller than a hand."""
    marker = _marker(header, "objects", track.id, Marker.SPHERE, _TRACK_COLOUR)
    marker.pose.position = to_point(track.position)
    spread = 2 * 1.96 * math.sqrt(max(0.0, float(np.linalg.eigvalsh(track.covariance)[-1])))
    marker.scale.x = marker.scale.y = marker.scale.z = max(0.1, min(spread, 2.0))
    return marker


def _arrow(header: Header, track: Track) -> Marker:
    """Where the track goes: its way in a second."""
    marker = _marker(header, "tracks", track.id, Marker.ARROW, _TRACK_COLOUR)
    marker.points = [to_point(track.position), to_point(track.position + track.velocity)]
    marker.scale.x, marker.scale.y = 0.05, 0.12   # diameters of shaft and head
    return marker


def _label(header: Header, track: Track) -> Marker:
    marker = _marker(header, "labels", track.id, Marker.TEXT_VIEW_FACING, _TEXT_COLOUR)
    marker.pose.position = to_point(track.position)
    marker.pose.position.z += 0.3
    marker.scale.z = 0.2
    marker.text = f"{track.class_name} {track.id}: {track.range_m:.1f} m"
    return marker


def _zone(header: Header, zone: Zone, number: int, occupied: bool) -> Marker:
    colour = _OCCUPIED_COLOUR if occupied else _KEEP_OUT_COLOUR if zone.keep_out else _ZONE_COLOUR
    marker = _marker(header, "zones", number, Marker.LINE_LIST, colour)
    marker.scale.x = 0.03
    marker.points = [to_point(end) for line in zone.edges() for end in line]
    return marker
