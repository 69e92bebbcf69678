"""The topics that a recording of the funnel holds."""
from __future__ import annotations

# Relative, in the funnel's namespace. Not the camera's own topics: every frame of them would be
# written, where the funnel keeps few.
TOPICS = ("gate/image", "gate/image/compressed", "gate/camera_info", "gate/state",
          "depth/image_rect", "depth/camera_info", "depth/state", "detections", "label_info",
          "objects", "objects_2d", "zones_2d", "zone_events", "markers", "annotated", "verdicts")
GLOBAL_TOPICS = ("/tf", "/tf_static", "/diagnostics")
