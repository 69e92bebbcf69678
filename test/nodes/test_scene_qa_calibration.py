"""scene_qa over DDS applies a template's calibration, and refuses one that fits nothing."""
from __future__ import annotations

import math
from pathlib import Path

import pytest

pytest.importorskip("smolvlm_ros.srv", reason="no ROS here, or its interfaces are not built")
from peer import wait_for  # noqa: E402
from qa_bench import TEMPLATES, qa_bench  # noqa: E402

from smolvlm_ros.qa.calibration import Calibration, Calibrations  # noqa: E402


def test_a_template_s_calibration_is_applied_and_the_model_s_own_value_kept(
        tiny_vlm: Path, tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    calibration = Calibration(0.5, 1.0)
    path.write_text(Calibrations(tiny_vlm.name, {"lying": calibration}).to_yaml())
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, calibration=str(path),
                  crop__of="frame") as b:
        first, _ = b.two_frames()
        b.event(at=first.header.stamp)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert len(verdict.pass_p_model) == len(verdict.pass_p_yes) >= 2
        for given, own in zip(verdict.pass_p_yes, verdict.pass_p_model, strict=True):
            assert given == pytest.approx(calibration.apply(own), abs=1e-5)
            assert not math.isclose(given, own, abs_tol=1e-3)
        asked = b.ask().verdict  # of no template
        assert asked.pass_p_yes == asked.pass_p_model
        level, text, _ = b.peer.await_status("scene_qa", lambda *_: True, "health")
        assert "calibration" not in text


@pytest.mark.parametrize(("of", "applied"), [("other", False), ("", True)])
def test_another_model_s_calibration_is_not_applied(of: str, applied: bool, tiny_vlm: Path
                                                    ) -> None:
    text = Calibrations(of, {"lying": Calibration(0.5, 1.0)}).to_yaml()
    with qa_bench(engine__model=str(tiny_vlm), templates=TEMPLATES, calibration=text,
                  crop__of="frame") as b:
        first, _ = b.two_frames()
        b.event(at=first.header.stamp)
        verdict = wait_for(lambda: b.verdicts, "the verdict")[0]
        assert (verdict.pass_p_yes != verdict.pass_p_model) is applied
        said = f"made for {of!r}, {tiny_vlm.name!r} answers: it is not applied"
        b.peer.await_status("scene_qa", lambda level, text, values: (said in text) is not applied,
                            "health")


def test_a_calibration_of_no_template_refuses_to_configure() -> None:
    text = Calibrations("", {"laying": Calibration(2.0)}).to_yaml()
    with qa_bench(active=False, templates=TEMPLATES, calibration=text) as b:
        assert b.node.trigger_configure().name == "FAILURE"
        b.peer.await_error("scene_qa", "template 'laying'; those of this node are: lying")
