"""Stands in for ROS's cv_bridge (Python) where there is no ROS: the calls that nodes use.

The same names, encodings, conversions and errors as the released module. Not here:
cvtColorForDisplay.
"""
from .core import CvBridge, CvBridgeError
from .encodings import getCvType

__all__ = ["CvBridge", "CvBridgeError", "getCvType"]
