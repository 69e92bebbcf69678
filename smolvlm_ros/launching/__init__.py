"""What the launch files share: strict arguments, start in order, recording.

It imports `launch` and `launch_ros`, which only launch files need; no node imports it.
"""
