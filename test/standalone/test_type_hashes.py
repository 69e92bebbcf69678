"""Interfaces that stand in for released ones are the same to DDS: their type hashes agree."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

ament_index = pytest.importorskip("ament_index_python", reason="no ROS here")

# RIHS01 (REP-2016) of vision_msgs 4.1.1 and tf2_msgs as released for Jazzy.
RELEASED = {
    "tf2_msgs/msg/TF2Error":
        "RIHS01_db2485e7d6a0ec75bf087e058ee45df682acc3a621ca7780503d10aac141809a",
    "tf2_msgs/msg/TFMessage":
        "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087",
    "vision_msgs/msg/BoundingBox2D":
        "RIHS01_008eacbb0cf8f26e83795547bed013eec3675485ef386ec056d80eaaf1c1ce2f",
    "vision_msgs/msg/BoundingBox2DArray":
        "RIHS01_2464e82838009386d371b523211c21c91d74d313fcdd6788223c531d621cf691",
    "vision_msgs/msg/BoundingBox3D":
        "RIHS01_bbb73a65c163d7f9bb29009c7bde9f7faa576bd2d23299c4511d19230dab4698",
    "vision_msgs/msg/BoundingBox3DArray":
        "RIHS01_a81938db9576b10c2eecd7c5a5da3eac496efd00221b25ed051dfbc81fb56da6",
    "vision_msgs/msg/Classification":
        "RIHS01_f74db28d0eaef3afb78f48bf2161cd709a1383a0309d3454383b25be11345143",
    "vision_msgs/msg/Detection2D":
        "RIHS01_0d12b69df5c593b3455b7346fac8205437a7d4bcb09b9e0e0b2dde787ded38ea",
    "vision_msgs/msg/Detection2DArray":
        "RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968",
    "vision_msgs/msg/Detection3D":
        "RIHS01_ddd703be132ab0b69d33121f1bb034132bfbb3b0ac5f9fb1516005ba1c8a265b",
    "vision_msgs/msg/Detection3DArray":
        "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018",
    "vision_msgs/msg/LabelInfo":
        "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783",
    "vision_msgs/msg/ObjectHypothesis":
        "RIHS01_51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90",
    "vision_msgs/msg/ObjectHypothesisWithPose":
        "RIHS01_41c12344c0396c48b81df12467c192d99b2a0eb1463c5c37194e4223251c80bc",
    "vision_msgs/msg/Point2D":
        "RIHS01_eab0e83f44ab4de92ceaf76dd7d0e7638f2bdd1d16ffbe16c7a136c48e407247",
    "vision_msgs/msg/Pose2D":
        "RIHS01_b0b5d1d7b4c20dd4fcde3ed1d4b289a919290572007d67a97043814db25d3648",
    "vision_msgs/msg/VisionClass":
        "RIHS01_1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a",
    "vision_msgs/msg/VisionInfo":
        "RIHS01_95d3116a17484ad91c9a2686e1d54890bbfc3ff6c6a2de137738c4950d45d284",
}
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "interface_type_hashes.json"


def built_hashes(package: str) -> dict[str, str]:
    """Hashes that the build wrote into a package's share folder, by type; skips where none are."""
    try:
        share = Path(ament_index.get_package_share_directory(package))
    except (ament_index.PackageNotFoundError, OSError):  # OSError: nothing is sourced
        pytest.skip(f"{package} is not built here")
    found = {}
    for file in share.glob("*/*.json"):
        for entry in json.loads(file.read_text(encoding="utf-8")).get("type_hashes", ()):
            found[entry["type_name"]] = entry["hash_string"]
    if not found:
        pytest.skip("interfaces have no type hashes before ROS 2 Iron")
    return found


@pytest.mark.parametrize("name", RELEASED)
def test_hash_is_the_released_one(name: str) -> None:
    # A field more, less, renamed or in another place gives another hash, and DDS would not connect.
    assert built_hashes(name.split("/")[0])[name] == RELEASED[name]


@pytest.mark.parametrize("package", ["tf2_msgs", "vision_msgs"])
def test_every_hash_of_the_shared_file(package: str) -> None:
    # Services and actions too, with the types that are made of them.
    if not SHARED.is_file():
        pytest.skip("no ../shared/data/interface_type_hashes.json on this machine")
    expected = {name: value for name, value in json.loads(SHARED.read_text()).items()
                if name.startswith(package + "/")}
    built = built_hashes(package)
    assert expected and {name: built.get(name) for name in expected} == expected


def test_the_shared_file_and_this_test_agree() -> None:
    if not SHARED.is_file():
        pytest.skip("no ../shared/data/interface_type_hashes.json on this machine")
    shared = json.loads(SHARED.read_text())
    assert {name: shared[name] for name in RELEASED} == RELEASED
