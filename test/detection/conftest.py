"""The detectors that the tests of detection/, models/ and nodes/ share."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detector_checkpoints import detector_folder, detector_onnx  # noqa: E402

__all__ = ["detector_folder", "detector_onnx"]
