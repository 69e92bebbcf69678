"""Makes and repairs the environment of a machine without ROS. Standard library only."""
