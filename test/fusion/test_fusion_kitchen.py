"""A book on a kitchen counter, seen by a hand-held RGB-D camera: one point of the world."""
from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from smolvlm_ros.camera import CameraModel
from smolvlm_ros.fusion.fuse import fuse
from smolvlm_ros.fusion.tracks import Tracker3D
from smolvlm_ros.fusion.transform import Transform

KITCHEN = Path(__file__).resolve().parents[3] / "shared" / "data" / "rgbd_kitchen"
pytestmark = pytest.mark.skipif(not (KITCHEN / "labels.json").is_file(),
                                reason="needs ../shared/data/rgbd_kitchen")


def test_the_book_stays_where_it_is() -> None:
    labels = json.loads((KITCHEN / "labels.json").read_text(encoding="utf-8"))
    matrix = np.loadtxt(KITCHEN / "camera-intrinsics.txt")
    camera = CameraModel(640, 480, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
    tracker = Tracker3D()
    errors = []
    for number, box in sorted((int(n), b) for n, b in labels["boxes"].items()):
        stem = KITCHEN / f"frame-{number:06d}"
        millimetres = cv2.imread(f"{stem}.depth.png", cv2.IMREAD_UNCHANGED)
        assert millimetres is not None, stem
        depth = np.where((millimetres == 0) | (millimetres == 65535), np.nan,
                         millimetres / 1000).astype(np.float32)
        pose = np.loadtxt(f"{stem}.pose.txt")
        (thing,) = fuse([box], [1.0], ["book"], depth, camera).objects
        # The poses of this recording are rotations to three digits only.
        u, _, vt = np.linalg.svd(pose[:3, :3])
        moved = thing.transformed(Transform(u @ vt, pose[:3, 3], "world", "camera"))
        errors.append(float(np.linalg.norm(moved.position - labels["world_xyz_m"])))
        tracks = tracker.update([moved], number / 30)
    assert max(errors) <= 0.12
    assert np.mean(errors) <= 0.075
    # Frames are up to six seconds apart: still one book, and it does not move.
    assert [t.id for t in tracks] == [1]
    assert np.linalg.norm(tracks[0].position - labels["world_xyz_m"]) < 0.1
