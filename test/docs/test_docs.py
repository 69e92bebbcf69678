"""The docs say what the code says: generated pages, README's example and links."""
from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_reference() -> ModuleType:
    pytest.importorskip("rclpy", reason="the nodes' declarations need ROS")
    pytest.importorskip("smolvlm_ros.msg", reason="the package's messages are not built")
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs/reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_pages_are_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_reference().main(["--check"]) == 0, capsys.readouterr().out


def test_every_node_documents_its_endpoints_and_parameters() -> None:
    for name, cls in load_reference().node_classes().items():
        interface = cls.interface
        assert interface.summary.endswith("."), name
        ends = (*interface.inputs, *interface.outputs, *interface.services, *interface.actions)
        assert ends, name
        for end in ends:
            assert end.doc.endswith("."), f"{name} {end.name}"
            end.load_type()  # the type exists
            if end.qos:
                assert hasattr(cls.settings_class(), end.qos), f"{name} {end.name}"
        for item in cls.settings_class.declared():
            assert item.setting.doc, f"{name} {item.name}"


def test_no_parameter_is_declared_and_never_read() -> None:
    declared = {item.name.rsplit(".", 1)[-1]
                for cls in load_reference().node_classes().values()
                for item in cls.settings_class.declared()}
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "smolvlm_ros").rglob("*.py"))
    unread = sorted(name for name in declared if not re.search(rf"\.{name}\b", code))
    assert unread == []


def test_every_message_field_is_described() -> None:
    for path in (p for kind in ("msg", "srv", "action") for p in (ROOT / kind).iterdir()):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            code, _, comment = line.partition("#")
            is_field = len(code.split()) == 2 and "=" not in code
            assert not is_field or comment.strip(), f"{path.name}:{number}: {line}"


def test_the_readme_holds_the_planners_client_as_it_is_tested() -> None:
    example = (ROOT / "docs/examples/planner_client.py").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.S)
    assert [b.strip() for b in blocks] == [example.strip()]


def test_what_the_readme_sets_by_ros2_param_arrives_as_text(tmp_path: Path) -> None:
    # As ros2 param does it: the shell's word is read as YAML, and only a text stays one.
    pytest.importorskip("rclpy", reason="ros2 param reads the value with it")
    from rcl_interfaces.msg import ParameterType
    from rclpy.parameter import get_parameter_value
    shutil.copy(ROOT / "config/zones.yaml", tmp_path / "my_zones.yaml")
    lines = re.findall(r"^ros2 param set (/\S+) (\S+) (.*)$", (ROOT / "README.md").read_text(
        encoding="utf-8"), re.M)
    assert lines
    classes = load_reference().node_classes()
    for node, name, value in lines:
        words = subprocess.run(["bash", "-c", f"printf '%s\\0' {value}"], cwd=tmp_path, check=True,
                               capture_output=True, text=True).stdout.split("\0")[:-1]
        assert len(words) == 1
        given = get_parameter_value(words[0])
        assert given.type == ParameterType.PARAMETER_STRING
        settings = classes[node[1:]].settings_class(**{name: given.string_value})
        assert getattr(settings, name) == str(tmp_path / "my_zones.yaml")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
