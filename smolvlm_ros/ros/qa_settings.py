"""Parameters of the scene_qa node."""
from __future__ import annotations

from dataclasses import dataclass

from smolvlm_ros.memory.config import MemoryConfig
from smolvlm_ros.memory.notes import NotesConfig
from smolvlm_ros.qa.crops import CropConfig
from smolvlm_ros.qa.engine import EngineConfig
from smolvlm_ros.qa.frames import RingConfig
from smolvlm_ros.qa.guard import check
from smolvlm_ros.qa.past_question import not_now
from smolvlm_ros.qa.rate import RateConfig
from smolvlm_ros.qa.scheduler import SchedulerConfig
from smolvlm_ros.qa.shadow import ShadowConfig
from smolvlm_ros.qa.verdict import PolicyConfig
from smolvlm_ros.qa.video import VideoConfig
from smolvlm_ros.remote.escalation import EscalationConfig
from smolvlm_ros.remote.privacy import PrivacyConfig
from smolvlm_ros.ros.parameters import NodeSettings
from smolvlm_ros.ros.qos import FunnelQos
from smolvlm_ros.settings import group, setting


@dataclass(frozen=True)
class SceneQaSettings(NodeSettings):
    """Parameters of scene_qa."""

    templates: str = setting(
        "", "Questions that zone events raise: a YAML file, or the YAML text itself; empty for "
        "none.", le=100000)
    calibration: str = setting(
        "", "What the model's probabilities are worth for each template: a YAML file that "
        "`smolvlm_ros calibrate` wrote, or the YAML text itself; empty to take them as they are. "
        "One that names another model than the one that answers is not applied, with a warning.",
        le=100000)
    timeout_s: float = setting(
        20.0, "Longest time from a question to its answer; a description ends then with what there "
        "is of it.", unit="s", ge=0.1, le=600.0, runtime=True)
    second_frame_timeout_s: float = setting(
        3.0, "How long a zone event's question waits for a second frame, by the node's clock "
        "(where that stands still: this or timeout_s of real time, the longer).", unit="s", ge=0.1,
        le=60.0, runtime=True)
    ask_again: int = setting(
        1, "How often a zone event's question that stays UNSURE, because the passes are unclear or "
        "disagree, or the view shows nothing or repeats one image, is asked again on two newer "
        "frames before its verdict is published.",
        ge=0, le=10, runtime=True)
    describe_prompt: str = setting(
        "Describe the scene in one sentence.", "Asked by ~/describe when the goal has no prompt.",
        ge=1, le=300, runtime=True)
    engine: EngineConfig = group(EngineConfig)
    policy: PolicyConfig = group(PolicyConfig)
    crop: CropConfig = group(CropConfig)
    frames: RingConfig = group(RingConfig)
    video: VideoConfig = group(VideoConfig)
    shadow: ShadowConfig = group(ShadowConfig)
    rate: RateConfig = group(RateConfig)
    queue: SchedulerConfig = group(SchedulerConfig)
    memory: MemoryConfig = group(MemoryConfig)
    notes: NotesConfig = group(NotesConfig)
    privacy: PrivacyConfig = group(PrivacyConfig)
    escalation: EscalationConfig = group(EscalationConfig)
    image_qos: FunnelQos = group(FunnelQos)
    detections_qos: FunnelQos = group(FunnelQos)

    def conflicts(self) -> list[str]:
        """The node's own prompt is guarded as a client's is."""
        problem = check(self.describe_prompt).advice
        other = not_now(self.describe_prompt)
        if other and not problem:
            problem = f"one frame of now does not show {other!r}; ask about what it does show"
        return [*super().conflicts(), *([f"describe_prompt: {problem}"] if problem else [])]
