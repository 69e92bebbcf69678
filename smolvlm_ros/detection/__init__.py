"""2D detectors behind one protocol: boxes in pixels of the input image, with class names."""
from smolvlm_ros.detection.config import DetectorConfig, HogConfig, RegionsConfig
from smolvlm_ros.detection.detections import Detections
from smolvlm_ros.detection.detector import Detector, make_detector

__all__ = ["Detections", "Detector", "DetectorConfig", "HogConfig", "RegionsConfig",
           "make_detector"]
