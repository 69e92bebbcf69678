"""The topics that a recording of the funnel holds."""
from __future__ import annotations

# Relative, in the funnel's namespace. Not the camera's own topics: every frame of them would be
# written, where the funnel keeps few.
TOPICS = ("gate/camera_info", "gate/state", "depth/image_rect", "depth/camera_info", "depth/state",
          "detections", "label_info", "objects", "objects_2d", "zones_2d", "zone_events", "markers",
          "verdicts")
ANONYMIZED = ("gate/image_anonymized",)  # what shows faces, covered
WITH_FACES = ("gate/image", "gate/image/compressed", "annotated")
GLOBAL_TOPICS = ("/tf", "/tf_static", "/diagnostics")
