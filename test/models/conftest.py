"""The depth models and detectors that the tests of several folders share."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from depth_checkpoints import checkpoint_folder, indoor_onnx, outdoor_onnx  # noqa: E402
from detector_checkpoints import detector_folder, detector_onnx  # noqa: E402

__all__ = ["checkpoint_folder", "detector_folder", "detector_onnx", "indoor_onnx",
           "outdoor_onnx"]
