"""package.xml and setup.cfg: keys that rosdep knows, one version, nothing imported unnamed."""
from __future__ import annotations

import ast
import configparser
import functools
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from smolvlm_ros.models import pip_packages

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ElementTree.parse(ROOT / "package.xml").getroot()

# Every key, looked up in rosdistro's tables for Humble (Ubuntu 22.04) and Jazzy (24.04).
RELEASED_IN_HUMBLE_AND_JAZZY = {
    "action_msgs", "ament_cmake", "ament_cmake_pytest", "ament_index_python", "builtin_interfaces",
    "cv_bridge", "diagnostic_msgs", "domain_coordinator", "geometry_msgs", "launch", "launch_ros",
    "lifecycle_msgs", "message_filters", "rcl_interfaces", "rclpy", "ros2bag", "ros2launch",
    "rosbag2_storage_mcap", "rosgraph_msgs", "rosidl_default_generators",
    "rosidl_default_runtime", "rviz2", "sensor_msgs", "std_msgs", "std_srvs", "tf2_msgs",
    "tf2_ros_py", "vision_msgs", "visualization_msgs",
}
# From Ubuntu itself: both releases have the package.
SYSTEM = {
    "python3-hypothesis", "python3-mypy", "python3-numpy", "python3-opencv", "python3-pil",
    "python3-pytest", "python3-scipy", "python3-yaml",
}
# rosdep installs these with pip, which Ubuntu 24.04 refuses by default and which may put another
# numpy before apt's: only on demand.
ON_DEMAND = {
    "python3-huggingface-hub-pip", "python3-onnxruntime-gpu-pip", "python3-onnxruntime-pip",
    "python3-rosbags-pip", "python3-transformers-pip",
}

# Module to key, where they differ.
KEYS = {
    "PIL": "python3-pil", "cv2": "python3-opencv", "huggingface_hub": "python3-huggingface-hub-pip",
    "numpy": "python3-numpy", "onnxruntime": "python3-onnxruntime-pip",
    "rosbags": "python3-rosbags-pip", "scipy": "python3-scipy", "tf2_ros": "tf2_ros_py",
    "transformers": "python3-transformers-pip", "yaml": "python3-yaml",
}
# Without a key, and why.
NO_KEY = {
    "onnx": "export runs on a workstation: extra `export`",
    "safetensors": "comes with transformers, whose weights it reads",
    "torch": "Humble's python3-torch is too old, a Jetson's is NVIDIA's: extra `vlm`",
    "tokenizers": "comes with transformers, whose fast tokenizers it makes",
    "tqdm": "comes with huggingface_hub, whose progress it shows",
}


def dependencies() -> list[ElementTree.Element]:
    return [entry for entry in PACKAGE if entry.tag.endswith("depend")]


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


@functools.lru_cache(maxsize=1)
def imported() -> frozenset[str]:
    """Top-level modules that the package, its launch files included, imports from elsewhere."""
    found: set[str] = set()
    for file in [*(ROOT / "smolvlm_ros").rglob("*.py"), *(ROOT / "launch").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return frozenset(found - set(sys.stdlib_module_names) - {"smolvlm_ros"})


def test_every_key_is_one_that_rosdep_knows() -> None:
    keys = {entry.text for entry in dependencies()}
    assert keys <= RELEASED_IN_HUMBLE_AND_JAZZY | SYSTEM | ON_DEMAND


def test_what_pip_installs_is_only_on_demand() -> None:
    assert {entry.text for entry in dependencies() if entry.text in ON_DEMAND} == ON_DEMAND
    for entry in dependencies():
        assert entry.text not in ON_DEMAND or "condition" in entry.attrib, entry.text


def test_no_dependency_is_named_twice() -> None:
    keys = [entry.text for entry in dependencies()]
    assert len(keys) == len(set(keys))


def test_everything_imported_is_named() -> None:
    keys = {entry.text for entry in dependencies()}
    unnamed = {module for module in imported() - NO_KEY.keys()
               if KEYS.get(module, module) not in keys}
    assert not unnamed


def test_the_list_without_keys_holds_nothing_needless() -> None:
    assert NO_KEY.keys() <= imported()


def test_interfaces_name_their_packages() -> None:
    # A message of another package in a definition needs a <depend>, for its users too.
    used = set()
    for kind in ("msg", "srv", "action"):
        for file in (ROOT / kind).glob(f"*.{kind}"):
            for line in file.read_text(encoding="utf-8").splitlines():
                name = line.split("#")[0].split(" ")[0]
                if "/" in name:
                    used.add(name.split("/")[0])
    depends = {entry.text for entry in PACKAGE.findall("depend")}
    assert used and used <= depends
    cmake = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    assert not {package for package in used if f"find_package({package} REQUIRED)" not in cmake}


def test_one_version() -> None:
    version = setup_cfg()["metadata"]["version"]
    assert PACKAGE.findtext("version") == version
    assert f"\n{version} " in (ROOT / "CHANGELOG.rst").read_text(encoding="utf-8")


def test_one_description_and_licence() -> None:
    metadata = setup_cfg()["metadata"]
    assert PACKAGE.findtext("description") == metadata["description"]
    assert PACKAGE.findtext("license") == metadata["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_errors_name_the_packages_of_the_extras() -> None:
    extras = setup_cfg()["options.extras_require"]

    def names(extra: str) -> set[str]:
        lines = [re.split("[ ;]", line)[0] for line in extras[extra].splitlines() if line]
        return {name for line in lines for name in (
            names(line.split("[")[1][:-1]) if "[" in line else {line})}

    for extra in ("vlm", "export", "train", "fetch"):
        told = getattr(pip_packages, extra.upper())
        assert {name.split(">")[0] for name in told} == names(extra)
    # A package of ours is on no index: an error that named it would send people to a stranger's.
    assert "smolvlm_ros" not in pip_packages.install(pip_packages.EXPORT)
    assert '"transformers>=5.0"' in pip_packages.install(pip_packages.VLM)
    assert "transformers >= 5.0;" in extras["vlm"]
    for file in (ROOT / "smolvlm_ros").rglob("*.py"):
        assert not re.search(r"pip install '?smolvlm_ros|install the extra", file.read_text())


def test_every_pip_requirement_belongs_to_an_import() -> None:
    # An extra that installs what nothing imports would be a leftover.
    extras = setup_cfg()["options.extras_require"]
    assert {"cpu", "gpu", "vlm", "escalation", "export", "dev", "bags"} <= set(extras)
    modules = {"onnxruntime-gpu": "onnxruntime", "pillow": "PIL", "smolvlm_ros": "torch"}
    for name in set(extras) - {"dev"}:
        for line in filter(None, extras[name].splitlines()):
            package = line.split(" ")[0].split("[")[0]
            assert modules.get(package, package) in imported(), line
