"""The router: what speaks for indoors and outdoors, and how slowly it is believed."""
from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from smolvlm_ros.depth import (
    DepthMap,
    RouterConfig,
    SceneHint,
    SceneRouter,
    Variant,
    scene_evidence,
)
from smolvlm_ros.depth.router import SceneEvidence
from smolvlm_ros.depth.types import DepthInfo
from smolvlm_ros.world import World

OUTSIDE = SceneEvidence(sky=0.2, beyond=0.3, reach_m=40.0, long_view=1.0)
INSIDE = SceneEvidence(sky=0.0, beyond=0.0, reach_m=6.0, long_view=0.0)
UNCLEAR = SceneEvidence(sky=0.02, beyond=0.05, reach_m=10.0, long_view=0.4)


def seen_by(variant: Variant, depth_m: NDArray[np.float32]) -> DepthMap:
    limit = 20.0 if variant is Variant.INDOOR else 80.0
    seen = np.where(depth_m > 0.98 * limit, np.inf, depth_m).astype(np.float32)
    return DepthMap(seen, None, DepthInfo("any", variant, limit))


@pytest.mark.parametrize("variant", list(Variant))
@pytest.mark.parametrize(("scene", "outdoor"), [("corridor", False), ("room", False),
                                                ("path", True)])
def test_places_are_told_apart_by_either_variant(variant: Variant, scene: str,
                                                 outdoor: bool) -> None:
    for seed in (950, 951):
        frame = World(scene, seed, camera="robot", duration_s=30).frame(60)
        log_odds = scene_evidence(frame.image_rgb, seen_by(variant, frame.depth_m)).log_odds
        assert (log_odds > 1.5) if outdoor else (log_odds < -1.5)


def test_a_white_ceiling_is_no_sky() -> None:
    image = np.full((48, 64, 3), 60, np.uint8)
    image[:20] = 235
    depth = np.full((48, 64), 3.0, np.float32)
    near = scene_evidence(image, seen_by(Variant.INDOOR, depth))
    assert near.sky == 0.0 and near.log_odds < -1
    depth[:20] = np.inf
    far = scene_evidence(image, seen_by(Variant.INDOOR, depth))
    assert far.sky == pytest.approx(0.42, abs=0.04)


def test_a_window_is_no_sky() -> None:
    image = np.full((48, 64, 3), 60, np.uint8)
    image[8:20, 20:40] = 250
    depth = np.full((48, 64), 4.0, np.float32)
    depth[8:20, 20:40] = np.inf
    assert scene_evidence(image, seen_by(Variant.OUTDOOR, depth)).sky == 0.0


def test_nothing_known_says_nothing_of_reach() -> None:
    depth = np.full((48, 64), np.nan, np.float32)
    found = scene_evidence(np.zeros((48, 64, 3), np.uint8), seen_by(Variant.INDOOR, depth))
    assert found == SceneEvidence(0.0, 0.0, 0.0, 0.0)


def changes(evidence: list[SceneEvidence], config: RouterConfig, active: Variant,
            step_s: float = 0.5) -> list[tuple[float, Variant]]:
    router, made = SceneRouter(config), []
    for index, item in enumerate(evidence):
        wanted = router.observe(item, active, index * step_s)
        if wanted is not active:
            made.append((index * step_s, wanted))
            active = wanted
    return made


def test_a_change_needs_time() -> None:
    made = changes([OUTSIDE] * 20, RouterConfig(hold_s=3.0), Variant.INDOOR)
    assert [variant for _, variant in made] == [Variant.OUTDOOR]
    assert 3.0 <= made[0][0] <= 3.5
    assert changes([OUTSIDE] * 20, RouterConfig(hold_s=3.0), Variant.OUTDOOR) == []


def test_a_glimpse_changes_nothing() -> None:
    glimpses = ([INSIDE] * 6 + [OUTSIDE] * 2) * 10
    assert changes(glimpses, RouterConfig(hold_s=3.0), Variant.INDOOR) == []


def test_what_is_unclear_changes_nothing() -> None:
    for active in Variant:
        assert changes([UNCLEAR] * 60, RouterConfig(), active) == []


def test_two_changes_keep_their_distance() -> None:
    through_a_door = [OUTSIDE] * 8 + [INSIDE] * 60
    made = changes(through_a_door, RouterConfig(hold_s=1.0, rest_s=12.0), Variant.INDOOR)
    assert [variant for _, variant in made] == [Variant.OUTDOOR, Variant.INDOOR]
    assert made[1][0] - made[0][0] >= 12.0


def test_time_that_goes_back_begins_anew() -> None:
    router = SceneRouter(RouterConfig(hold_s=3.0))
    for index in range(5):
        router.observe(OUTSIDE, Variant.INDOOR, index * 0.5)
    assert router.observe(OUTSIDE, Variant.INDOOR, 0.0) is Variant.INDOOR
    assert router.observe(OUTSIDE, Variant.INDOOR, 2.0) is Variant.INDOOR
    assert router.observe(OUTSIDE, Variant.INDOOR, 3.5) is Variant.OUTDOOR


def test_evidence_for_a_variant_says_nothing_of_the_other_one() -> None:
    # Somebody switched between the two frames: what spoke for outdoors is no time for indoors.
    router = SceneRouter(RouterConfig(hold_s=3.0, rest_s=0.0))
    for second in range(3):
        assert router.observe(OUTSIDE, Variant.INDOOR, float(second)) is Variant.INDOOR
    for second in range(20, 23):
        assert router.observe(INSIDE, Variant.OUTDOOR, float(second)) is Variant.OUTDOOR
    assert router.observe(INSIDE, Variant.OUTDOOR, 23.0) is Variant.INDOOR


def test_a_hint_that_comes_while_a_frame_is_judged_is_not_lost() -> None:
    router, newer = SceneRouter(), SceneHint(1.0, 5.0)

    class Older(SceneHint):
        """The newer one comes just when the frame's time is noted as the older one's beginning."""

        def __post_init__(self) -> None:
            if self.from_s is not None:
                router.hint = newer

    router.hint = Older(0.5, 100.0)
    router.observe(INSIDE, Variant.INDOOR, 10.0)
    router.observe(INSIDE, Variant.INDOOR, 11.0)
    assert router.hint is not None and router.hint.outdoor == 1.0
    assert router.hint_left_s == 5.0


class TestHint:
    CONFIG = RouterConfig(hold_s=1.0, rest_s=0.0)

    def wanted(self, hint: SceneHint | None, evidence: SceneEvidence,
               active: Variant = Variant.INDOOR, seconds: int = 8) -> list[Variant]:
        router, found = SceneRouter(self.CONFIG), []
        router.hint = hint
        for second in range(seconds):
            found.append(router.observe(evidence, active, float(second)))
        return found

    @pytest.mark.parametrize(("outdoor", "evidence", "changes"), [
        (0.9, UNCLEAR, True),      # tips the scales
        (0.5, UNCLEAR, False),     # says nothing
        (0.8, INSIDE, False),      # a guess against a clear view
        (1.0, INSIDE, True),       # knowledge against a view that speaks against it as plainly
        (0.0, OUTSIDE, False),     # the view is plainer still
    ])
    def test_it_is_one_piece_of_evidence(self, outdoor: float, evidence: SceneEvidence,
                                         changes: bool) -> None:
        active = Variant.OUTDOOR if outdoor < 0.5 else Variant.INDOOR
        found = self.wanted(SceneHint(outdoor, 100.0), evidence, active)
        assert (found[-1] is not active) == changes

    def test_it_begins_and_ends_by_the_frames_time(self) -> None:
        found = self.wanted(SceneHint(1.0, 3.0, from_s=2.0), INSIDE)
        assert [v is Variant.OUTDOOR for v in found] == [second == 3 for second in range(8)]
        # From the next frame on, whatever its time.
        hint = SceneHint(1.0, 2.5)
        router = SceneRouter(self.CONFIG)
        router.observe(INSIDE, Variant.INDOOR, 100.0)
        router.hint = hint
        left = []
        for second in (101.0, 102.0, 103.0, 104.0):
            router.observe(INSIDE, Variant.INDOOR, second)
            left.append(router.hint_left_s)
        assert left == [2.5, 1.5, 0.5, 0.0]

    @pytest.mark.parametrize("forgotten", [False, True])
    def test_a_step_back_leaves_it_the_time_it_had(self, forgotten: bool) -> None:
        router = SceneRouter(self.CONFIG)
        router.hint = SceneHint(1.0, 60.0)
        left = []
        for stamp_s in (100.0, 110.0, 5.0, 15.0, 50.0, 60.0):
            router.observe(INSIDE, Variant.INDOOR, stamp_s)
            left.append(router.hint_left_s)
            if forgotten:
                router.reset()
        assert left == [60.0, 50.0, 50.0, 40.0, 5.0, 0.0]

    def test_frames_that_are_forgotten_leave_it(self) -> None:
        router = SceneRouter(self.CONFIG)
        router.hint = hint = SceneHint(1.0, 3.0, from_s=2.0)
        router.reset()
        assert router.hint == hint and router.hint_left_s == 0.0

    @pytest.mark.parametrize("values", [(-0.1, 1.0), (float("nan"), 1.0), (0.5, -1.0),
                                        (0.5, float("inf"))])
    def test_bad_values(self, values: tuple[float, float]) -> None:
        with pytest.raises(ValueError, match="outdoor_probability|valid_s"):
            SceneHint(*values)
