"""The depth models that the tests of depth/ and models/ share."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from depth_checkpoints import checkpoint_folder, indoor_onnx, outdoor_onnx  # noqa: E402

__all__ = ["checkpoint_folder", "indoor_onnx", "outdoor_onnx"]
