"""The settings of metric depth and the rules between them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from smolvlm_ros.depth import DepthConfig, DepthError, DepthInfo, DepthMap, make_estimator
from smolvlm_ros.settings import SettingError, setting


@dataclass(frozen=True)
class NodeLike(DepthConfig):
    """Settings of a node: the estimator's and more."""

    rate: float = setting(1.0, "Something of the node.")


def test_defaults_are_valid_and_each_setting_is_described() -> None:
    for declared in DepthConfig.declared():
        assert declared.setting.doc.endswith("."), declared.name
    assert DepthConfig().flat()["ground_plane.camera_height_m"] == 0.5


@pytest.mark.parametrize(("values", "text"), [
    ({"estimator": "midas"}, "estimator"),
    ({"scene": "space"}, "indoor"),
    ({"provider": "gpu"}, "provider"),
    ({"input_height": 500, "input_width": 700}, "504x700"),   # the nearest multiples of 14
    ({"input_height": 518}, "go together"),
    ({"output_scale": 0.0}, "output_scale"),
    ({"ground_plane.camera_height_m": -1.0}, "camera_height_m"),
])
def test_wrong_values_are_named(values: dict[str, object], text: str) -> None:
    with pytest.raises(SettingError, match=text):
        DepthConfig.from_flat(values)


def test_only_runtime_settings_change_while_running() -> None:
    config = DepthConfig(estimator="ground_plane")
    estimator = make_estimator(config)
    estimator.configure(config.changed(output_scale=0.5, focal_correction=False))
    # A node's settings add to these; they are not the estimator's business.
    estimator.configure(NodeLike(estimator="ground_plane", rate=2.0))
    estimator.configure(config)
    with pytest.raises(DepthError, match="provider"):
        estimator.configure(config.changed(provider="cuda"))


def test_a_map_of_another_form_is_refused() -> None:
    info = DepthInfo("ground_plane", None, 20.0)
    with pytest.raises(ValueError, match="float64"):
        DepthMap(np.zeros((2, 2)), None, info)  # type: ignore[arg-type]
