"""Boxes and depth to objects, tracks and zone events in 3D. No ROS."""
