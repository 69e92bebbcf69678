"""The YAML files of config/ against what the nodes declare."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from smolvlm_ros.fusion.zone_file import load_zones
from smolvlm_ros.fusion.zones import Zone
from smolvlm_ros.launching.topics import ANONYMIZED, TOPICS, WITH_FACES
from smolvlm_ros.sources import demo_scene

CONFIG = Path(__file__).parents[2] / "config"
PARAMETER_FILES = sorted(p for p in CONFIG.glob("*.yaml")
                         if p.name not in ("zones.yaml", "templates.yaml"))


@pytest.fixture(scope="module")
def nodes() -> dict[str, Any]:
    """Every node class by the name the node has."""
    for module in ("rclpy", "vision_msgs", "smolvlm_ros.msg"):
        pytest.importorskip(module, reason=f"the nodes' declarations need {module}")
    from smolvlm_ros.nodes.anonymizer import AnonymizerNode
    from smolvlm_ros.nodes.funnel import NODES
    from smolvlm_ros.nodes.video_source import VideoSourceNode
    return {kind.default_name: kind for kind in (AnonymizerNode, *NODES, VideoSourceNode)}


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            values.update(flat(value, f"{prefix}{name}."))
        else:
            values[prefix + name] = value
    return values


def sections(path: Path) -> dict[str, dict[str, Any]]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: flat(value["ros__parameters"]) for key, value in content.items()}


def test_each_launch_file_has_its_parameters() -> None:
    launch_files = {p.name.split(".")[0] for p in (CONFIG.parent / "launch").glob("*.launch.py")}
    assert launch_files == {p.stem for p in PARAMETER_FILES}


@pytest.mark.parametrize("path", PARAMETER_FILES, ids=lambda p: p.stem)
def test_parameters_exist_are_valid_and_differ_from_the_defaults(
        path: Path, nodes: dict[str, Any]) -> None:
    for key, values in sections(path).items():
        # With '/**/' a file serves every namespace.
        assert key.startswith("/**/"), f"{path.name}: {key}"
        kind = nodes[key[len("/**/"):]].settings_class
        # Names, types, limits and the rules between them: from_flat refuses what is wrong.
        kind.from_flat(values)
        defaults = {d.name: d.default for d in kind.declared()}
        same = [name for name, value in values.items() if value == defaults[name]]
        # A default repeated here would drift away from the declared one.
        assert not same, f"{path.name}: {key} repeats the defaults of {same}"


def test_every_parameter_says_why() -> None:
    for path in PARAMETER_FILES:
        text = path.read_text(encoding="utf-8")
        for section in text.split("\n/**/")[1:]:
            assert "# " in section, f"{path.name}: no reason is given in {section.split(':')[0]}"


def test_what_is_commented_out_is_valid_too(nodes: dict[str, Any], tmp_path: Path) -> None:
    setting = re.compile(r"^( *)#(?= *[\w./*]+:( \S+)?$)", re.M)
    for path in PARAMETER_FILES:
        text = path.read_text(encoding="utf-8")
        whole = tmp_path / path.name
        whole.write_text(setting.sub(r"\1", text), encoding="utf-8")
        for key, values in sections(whole).items():
            nodes[key[len("/**/"):]].settings_class.from_flat(values)
    assert sections(tmp_path / "funnel.yaml")["/**/detector"]["kind"] == "onnx"
    assert sections(tmp_path / "funnel.yaml")["/**/fusion"]["target_frame"] == "odom"


def test_the_readme_exports_what_the_parameter_files_name() -> None:
    readme = (CONFIG.parent / "README.md").read_text(encoding="utf-8")
    exports = {line.split()[-1]: line for line in readme.splitlines()
               if line.startswith("smolvlm_ros export ")}
    wanted = {name for path in PARAMETER_FILES for name in re.findall(
        r"~/\.local/share/smolvlm_ros/\S+\.onnx", path.read_text(encoding="utf-8"))}
    assert wanted and set(exports) == wanted
    for name, line in exports.items():
        size = re.search(r"_(\d+x\d+)\.onnx", name)
        assert (f" --size {size[1]} " in line) if size else "--size" not in line


def test_what_the_zones_example_calls_defaults_are_the_defaults() -> None:
    doorway = load_zones(CONFIG / "zones.yaml")[0]
    defaults = Zone("any", "map", doorway.shape)
    for field in ("enter_hits", "enter_after_s"):
        assert getattr(doorway, field) == getattr(defaults, field)


def test_demo_has_the_mount_with_which_the_scene_is_drawn() -> None:
    source = sections(CONFIG / "demo.yaml")["/**/video_source"]
    assert source["mount.height_m"] == demo_scene.CAMERA_HEIGHT_M
    assert source["mount.pitch_deg"] == demo_scene.CAMERA_PITCH_DEG


def test_example_zones_load_and_show_every_kind() -> None:
    zones = load_zones(CONFIG / "zones.yaml")
    assert {type(zone.shape).__name__ for zone in zones} == {"Prism", "Cylinder", "Sector"}
    assert any(zone.keep_out for zone in zones) and any(zone.dwell_s for zone in zones)


def test_a_recording_holds_every_output_of_the_funnel(nodes: dict[str, Any]) -> None:
    outputs = {end.name: end for name, kind in nodes.items() if name != "video_source"
               for end in kind.interface.outputs}
    assert {*TOPICS, *WITH_FACES, *ANONYMIZED} == set(outputs)
    # Without record_faces no picture is recorded but depth and what the anonymizer gives.
    pictures = {name for name in (*TOPICS, *ANONYMIZED) if "Image" in outputs[name].type}
    covered = {end.name for end in nodes["anonymizer"].interface.outputs}
    assert pictures == {"depth/image_rect", *covered} and set(ANONYMIZED) == covered
