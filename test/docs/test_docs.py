"""The docs say what the code says: generated pages, README's example and links."""
from __future__ import annotations

import importlib.util
import re
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


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target
