"""Pictures of what the funnel sees: pure functions on RGB arrays, drawn with OpenCV."""
from smolvlm_ros.drawing.boxes import BoxLabel, annotate, verdict_colour
from smolvlm_ros.drawing.depth import colour_depth, depth_panel, depth_scale_bar
from smolvlm_ros.drawing.sheet import Panel, contact_sheet, text_panel
from smolvlm_ros.drawing.video import Mp4Writer, VideoError
from smolvlm_ros.drawing.zone import draw_zone

__all__ = ["BoxLabel", "Mp4Writer", "Panel", "VideoError", "annotate", "colour_depth",
           "contact_sheet", "depth_panel", "depth_scale_bar", "draw_zone", "text_panel",
           "verdict_colour"]
