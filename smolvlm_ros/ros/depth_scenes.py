"""Which depth variant works: the estimators, somebody's word, a planner's hint, and AUTO."""
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smolvlm_ros.depth import (
    DepthEstimator,
    DepthMap,
    SceneHint,
    SceneRouter,
    Variant,
    make_estimator,
    scene_evidence,
)
from smolvlm_ros.msg import SceneHint as SceneHintMessage
from smolvlm_ros.ros.depth_state import VARIANTS
from smolvlm_ros.ros.faults import in_words
from smolvlm_ros.ros.health import Level
from smolvlm_ros.ros.stamps import to_seconds
from smolvlm_ros.srv import SetDepthScene

_Request = SetDepthScene.Request
_SCENES = {_Request.INDOOR: Variant.INDOOR, _Request.OUTDOOR: Variant.OUTDOOR}
_SHOWN_S = 10.0
_SWITCH_S = 3.0


class DepthScenes:
    """The estimator at work, the spare one, and the changes between them.

    The node that has it configures: the models are loaded here, and a missing or wrong one raises.

    Args:
        node: with the settings `DepthSettings`.
        changed: called under the lock once another estimator works.

    Attributes:
        estimator: at work; to be used under `lock`.
        lock: of the estimator and of the settings that it works by.
    """

    def __init__(self, node: Any, changed: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self._node, self._changed = node, changed
        self._listening = False
        self.estimator: DepthEstimator = make_estimator(node.settings)
        node.own("estimator", lambda: self.estimator.close())
        self._spare: DepthEstimator | None = None
        active = self.estimator.info.variant
        if node.settings.preload and active is not None:
            self._spare = make_estimator(node.settings.changed(scene=active.other.value))
            node.own("spare estimator", self._close_spare)
        self._switching = threading.Lock()
        self._by_itself: threading.Thread | None = None  # AUTO's last change
        self._router = SceneRouter(node.settings.router)

    def start(self) -> None:
        """The node works from now on, until its phase ends."""
        self._listening = True
        self._node.own("switching", self._stop_listening)

    def diagnostics(self) -> Mapping[str, object]:
        """AUTO's evidence; nothing while it is off."""
        router, seen = self._router, self._router.last
        if not self._node.settings.auto_scene or seen is None:
            return {}
        extra: dict[str, object] = {
            "outdoor_probability": f"{router.outdoor:.2f}", "sky_share": f"{seen.sky:.2f}",
            "beyond_range_share": f"{seen.beyond:.2f}", "reach_m": f"{seen.reach_m:.1f}"}
        hint, left_s = router.hint, router.hint_left_s
        if hint is not None and left_s > 0:
            extra |= {"hint_outdoor_probability": f"{hint.outdoor:.2f}",
                      "hint_left_s": f"{left_s:.1f}"}
        return extra

    # AUTO: chosen in the worker, loaded in a thread of its own ------------------------------

    def on_hint(self, message: SceneHintMessage) -> None:
        """Take a planner's hint; a ValueError for one outside its limits."""
        from_s = to_seconds(message.header.stamp)
        self._router.hint = SceneHint(message.outdoor_probability, message.valid_s,
                                      from_s if from_s > 0 else None)
        self._node.stats.count("scene_hints")

    def route(self, image_rgb: NDArray[np.uint8], result: DepthMap, stamp_s: float) -> None:
        """Take a frame's evidence where AUTO is on, and change the variant when it is time."""
        active = result.info.variant
        if active is None:
            return
        if not self._node.settings.auto_scene:
            self._router.reset()  # AUTO begins with what is seen from then on
            return
        self._router.config = self._node.settings.router
        wanted = self._router.observe(scene_evidence(image_rgb, result), active, stamp_s)
        under_way = self._by_itself is not None and self._by_itself.is_alive()
        if wanted is not active and not under_way and not self._switching.locked():
            self._by_itself = threading.Thread(target=self._switch_by_itself, args=(wanted,),
                                               name="depth variant", daemon=True)
            self._by_itself.start()

    def _switch_by_itself(self, wanted: Variant) -> None:
        try:
            self._switch(wanted, by_itself=True)
        except Exception as error:  # a model library may raise anything, and nobody else hears it
            if not self._listening:
                return  # deactivated while it loaded
            self._node.stats.count("switches_refused")
            self._node.faults.set("auto_scene", Level.WARN, f"the view looks {wanted.value}, but: "
                                  f"{in_words(error)}", _SHOWN_S)

    # ~/set_scene, in a thread of the executor that has nothing else to do --------------------

    def on_set_scene(self, request: Any, response: Any) -> Any:
        """Answer the service."""
        try:
            self._set_scene(request.scene)
            response.success = True
        except (ValueError, RuntimeError, OSError) as error:
            self._node.stats.count("switches_refused")
            response.message = str(error)
        info = self.estimator.info
        response.active, response.max_depth_m = VARIANTS[info.variant], float(info.max_depth_m)
        if response.success and info.variant is not None:
            chosen = ", chosen from the view" if request.scene == _Request.AUTO else ""
            response.message = f"{info.variant.value} is active{chosen}"
        return response

    def _set_scene(self, scene: int) -> None:
        node = self._node
        if scene not in (*_SCENES, _Request.AUTO):
            raise ValueError(f"scene = {scene} is not one of INDOOR (1), OUTDOOR (2), AUTO (3)")
        info = self.estimator.info
        if info.variant is None:
            raise ValueError(f"{info.estimator} has no variants; "
                             "set estimator to depth_anything_v2 and configure again")
        if scene == _Request.AUTO:
            other = node.settings.changed(scene=info.variant.other.value)
            if not other.model():
                raise ValueError(f"AUTO needs both variants, and model_{other.scene} is not set; "
                                 "set it to an exported file")
            node.parameters.put(node, "auto_scene", True)
            return
        auto = node.settings.auto_scene
        node.parameters.put(node, "auto_scene", False)  # first: nothing may undo what is asked for
        try:
            self._switch(_SCENES[scene])
        except BaseException:
            node.parameters.put(node, "auto_scene", auto)
            raise

    def _switch(self, variant: Variant, by_itself: bool = False) -> None:
        node = self._node
        with self._switching:
            if self.estimator.info.variant is variant:
                return
            if by_itself and not node.settings.auto_scene:
                return  # somebody has decided meanwhile
            fresh = self._spare or make_estimator(node.settings.changed(scene=variant.value))
            with self.lock:  # until here the old one worked on
                if not self._listening:
                    if fresh is not self._spare:
                        fresh.close()
                    raise RuntimeError("the node was deactivated meanwhile; activate it and ask "
                                       "again")
                old, self.estimator = self.estimator, fresh
                if fresh is self._spare:
                    self._spare = old
                    fresh.reset("another variant")
                node.stats.count("switches")  # before anybody can see that it has happened
                # New settings: before the next frame the estimator is given those, too, that have
                # changed while it was loaded.
                node.parameters.put(node, "scene", variant.value)
                self._changed()
            if old is not self._spare:
                old.close()

    def _close_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
        self._spare = None

    def _stop_listening(self) -> None:
        # A switch that is being made is waited for; a dead estimator, which keeps the lock, is not.
        acquired = self.lock.acquire(timeout=_SWITCH_S)
        self._listening = False
        if acquired:
            self.lock.release()
