"""A candidate model beside a scene_qa node's own: loaded, asked, compared in diagnostics."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from smolvlm_ros.qa.engine import EngineConfig, EngineError, NoEngine, make_engine
from smolvlm_ros.qa.server_engine import ServerEngine
from smolvlm_ros.qa.shadow import Shadow, ShadowConfig
from smolvlm_ros.qa.verdict import Frame, PolicyConfig, Verdict
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.privacy import PrivacyConfig
from smolvlm_ros.ros.faults import Faults
from smolvlm_ros.ros.health import Level

FAULT = "shadow"


class Shadowing:
    """The candidate of a node, if it has one. One that cannot be had changes nothing else.

    Args:
        config: the candidate.
        active: configuration of the node's own model.
        privacy: what is covered for a server.
        persons: who is where in the frames, likewise.
        busy: True while the node's own model has something to do.
        faults: of the node.
    """

    def __init__(self, config: ShadowConfig, active: EngineConfig, privacy: PrivacyConfig,
                 persons: Persons, busy: Callable[[], bool], faults: Faults) -> None:
        self._faults = faults
        self._shadow: Shadow | None = None
        wanted = config.engine(active)
        if wanted is None:
            return
        try:
            engine = make_engine(wanted, privacy, persons)
        except EngineError as error:
            faults.set(FAULT, Level.WARN, f"no candidate is compared: {error}")
            return
        if isinstance(engine, NoEngine):
            faults.set(FAULT, Level.WARN, f"no candidate is compared: {engine.reason}")
        else:
            self._shadow = Shadow(engine, config, busy)

    def configure(self, config: ShadowConfig, privacy: PrivacyConfig) -> None:
        """Take another share, and what is covered from now on."""
        if self._shadow is not None:
            self._shadow.config = config
            if isinstance(self._shadow.engine, ServerEngine):
                self._shadow.engine.use_privacy(privacy)

    def offer(self, verdict: Verdict, ms: float, frames: Sequence[Frame], negated: str,
              policy: PolicyConfig, notes: Sequence[str] = ()) -> None:
        """Have the candidate asked the same; see `Shadow.offer`."""
        if self._shadow is not None:
            self._shadow.offer(verdict, ms, frames, negated, policy, notes)

    def diagnostics(self) -> dict[str, object]:
        """Agreement and latency of both."""
        if self._shadow is None:
            return {}
        done = self._shadow.comparison
        share = f"{done.agreed / done.asked:.3f}" if done.asked else "-"
        return {"shadow_model": self._shadow.engine.name, "shadow_asked": done.asked,
                "shadow_agreement": share, "shadow_contradicted": done.contradicted,
                "shadow_unsure_active": done.unsure[0], "shadow_unsure_candidate": done.unsure[1],
                "shadow_ms_active": f"{done.ms[0]:.1f}", "shadow_ms_candidate": f"{done.ms[1]:.1f}",
                "shadow_dropped": done.dropped, "shadow_failed": done.failed}

    def close(self) -> None:
        """Give the candidate's memory back."""
        self._faults.clear(FAULT)
        if self._shadow is not None and not self._shadow.close():
            raise RuntimeError("the candidate is still busy; its memory is freed when it has ended")
