"""The set-up's modules are imported from standalone/, as bootstrap.py does."""
from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "standalone"))
