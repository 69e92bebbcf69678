"""MCAP recordings that Foxglove and rosbag2 open, written without ROS from serialised messages.

    with McapRecorder("drive_1") as recorder:
        recorder.add_topic("/chatter", "std_msgs/msg/String", "string data")
        recorder.add("/chatter", cdr, stamp_ns)
"""
from smolvlm_ros.recording.definitions import definition_text, type_hash
from smolvlm_ros.recording.recorder import McapRecorder, RecordingError, TopicQos
from smolvlm_ros.recording.recovery import Recovered, recover_recording

__all__ = ["McapRecorder", "Recovered", "RecordingError", "TopicQos", "definition_text",
           "recover_recording", "type_hash"]
