"""2D detectors behind one protocol: boxes in pixels of the input image, with class names."""
from smolvlm_ros.detection.config import DetectorConfig, HogConfig, OnnxConfig, RegionsConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import Detector, DetectorInfo, make_detector, unknown_scores

__all__ = ["Detections", "Detector", "DetectorConfig", "DetectorInfo", "HogConfig", "OnnxConfig",
           "RegionsConfig", "make_detector", "unknown_scores"]
