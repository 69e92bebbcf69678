"""The gate: lets through the few frames that carry something new."""
from smolvlm_ros.gate.config import GateConfig
from smolvlm_ros.gate.decision import GateDecision, Reason, Region
from smolvlm_ros.gate.motion import MotionGate

__all__ = ["GateConfig", "GateDecision", "MotionGate", "Reason", "Region"]
