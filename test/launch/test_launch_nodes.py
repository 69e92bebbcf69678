"""What the launch files start: how arguments and sources become nodes, topics and recordings."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

# Not `launch`: from the repository's root Python takes the folder launch/ for a package.
for _module in ("launch_ros.actions", "vision_msgs"):
    pytest.importorskip(_module, reason="needs launch_ros, which is part of a ROS installation")

# ruff: noqa: E402
from launch import LaunchContext, LaunchDescription
from launch.actions import GroupAction, OpaqueFunction, SetLaunchConfiguration
from launch_files import funnel_context, load, run
from launch_ros.actions import SetParameter

CALIBRATION = """
image_width: 8
image_height: 6
camera_matrix: {rows: 3, cols: 3, data: [5.0, 0, 4.0, 0, 5.0, 3.0, 0, 0, 1]}
"""


@pytest.mark.parametrize("kind", ["compressed", "rgbd", "folder"])
def test_the_funnel_is_wired_for_the_source(kind: str, tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    from smolvlm_ros.camera import CameraModel
    from smolvlm_ros.demo import wiring
    from smolvlm_ros.launching.recording import recorder
    from smolvlm_ros.sources import SourceFrame
    image = np.zeros((4, 4, 3), np.uint8)
    asked: list[tuple[str, dict[str, Any]]] = []

    class Probe:
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def read(self) -> SourceFrame:
            return frames[kind]
    frames = {"folder": SourceFrame(0.0, image), "compressed": SourceFrame(0.0, compressed=b"jpeg"),
              "rgbd": SourceFrame(0.0, image, depth=np.ones((4, 4), np.float32))}

    def opened(source: str, **how: Any) -> Probe:
        asked.append((source, how))
        return Probe()
    monkeypatch.setattr(wiring, "open_source", opened)
    parameters = tmp_path / "mine.yaml"
    (tmp_path / "front.yaml").write_text(CALIBRATION)
    told = {"image_topic": "/front/image", "info_topic": "/front/info",
            "camera_info_file": str(tmp_path / "front.yaml")}
    parameters.write_text(yaml.safe_dump({"/**/video_source": {"ros__parameters": told}}))
    demo, (_, context) = load("demo.launch.py"), funnel_context(record="true")
    context.launch_configurations.update(source=str(tmp_path), params_file=str(parameters),
                                         models="params")
    remaps = {tuple("".join(context.perform_substitution(p) for p in part)
                    for part in (each.src, each.dst)) for each in demo.choose(context)}
    # As the node will open it.
    assert asked == [(str(tmp_path), {"image_topic": "/front/image", "info_topic": "/front/info",
                                      "camera": CameraModel(8, 6, 5.0, 5.0, 4.0, 3.0, (),
                                                            "plumb_bob")})]
    told = yaml.safe_load(Path(context.launch_configurations["params_file"]).read_text())
    assert ("/**/gate" in told) == (kind == "compressed")
    if kind == "compressed":
        assert told["/**/gate"]["ros__parameters"] == {"image_transport": "compressed"}
    # Its own depth takes the node's place, for fusion only.
    assert remaps == ({("fusion:depth/image_rect", "source/depth/image_rect"),
                       ("fusion:depth/camera_info", "source/depth/camera_info")}
                      if kind == "rgbd" else set())
    if kind == "rgbd":
        assert told["/**/fusion"]["ros__parameters"] == {"depth_anchor": "surface"}
    recorded = {"/robot1/source/depth/image_rect", "/robot1/source/depth/camera_info"}
    assert recorded & set(words_of(recorder(context, "robot1"))) == (
        recorded if kind == "rgbd" else set())


@pytest.mark.parametrize("depth", [False, True])
def test_the_exact_depth_of_the_embedded_world_is_taken_where_it_is_asked_for(depth: bool) -> None:
    demo, (_, context) = load("demo.launch.py"), funnel_context()
    context.launch_configurations.update(source=f"world:room?seed=1&depth={int(depth)}",
                                         params_file=demo.PARAMETERS, models="none")
    assert len(demo.choose(context)) == 2 * depth
    told = yaml.safe_load(Path(context.launch_configurations["params_file"]).read_text())
    anchor = told["/**/fusion"]["ros__parameters"]["depth_anchor"]
    assert anchor == ("surface" if depth else "contact")


def test_full_name_has_the_namespace_of_the_surrounding_group() -> None:
    from smolvlm_ros.launching.startup import full_name
    context = LaunchContext()
    assert full_name(context, "", "gate") == "/gate"
    assert full_name(context, "robot1", "gate") == "/robot1/gate"
    assert full_name(context, "/a/b/", "gate/image") == "/a/b/gate/image"
    assert full_name(context, "") == "/"
    # PushRosNamespace puts a relative namespace below its own, and leaves an absolute one.
    context.launch_configurations["ros_namespace"] = "fleet"
    assert full_name(context, "", "gate") == "/fleet/gate"
    assert full_name(context, "robot1", "gate") == "/fleet/robot1/gate"
    assert full_name(context, "/robot1", "gate") == "/robot1/gate"


def test_scope_gives_a_later_action_what_surrounded_it() -> None:
    from smolvlm_ros.launching.scope import Scope
    seen: list[tuple[str, str]] = []

    def look(context: LaunchContext) -> None:
        seen.append((context.launch_configurations["where"], context.environment.get("WHERE", "")))

    def remember(context: LaunchContext) -> list[object]:
        context.environment["WHERE"] = "inside"
        late.append(Scope(context).around(OpaqueFunction(function=look)))
        return []

    late: list[LaunchDescription] = []
    run(SetLaunchConfiguration("where", "outside"),
        GroupAction([SetLaunchConfiguration("where", "inside"), OpaqueFunction(function=remember)]),
        OpaqueFunction(function=lambda context: [late[0]]),
        OpaqueFunction(function=look))
    # Inside for the action that came later; afterwards everything is as it was.
    assert seen == [("inside", "inside"), ("outside", "")]


@pytest.mark.parametrize("faces", [False, True])
def test_recorder_writes_the_topics_of_its_namespace_as_mcap(faces: bool) -> None:
    from smolvlm_ros.launching.recording import recorder
    _, context = funnel_context(record="true", record_faces=str(faces).lower())
    command = words_of(recorder(context, "robot1"))
    # Humble has topics as positional arguments only; Jazzy takes them too.
    assert command[:3] == ["ros2", "bag", "record"]
    assert command[-4:-1] == ["--storage", "mcap", "--output"]
    topics = set(command[3:-4])
    assert {"/robot1/objects", "/robot1/gate/camera_info", "/tf", "/diagnostics"} <= topics
    with_faces = {"/robot1/gate/image", "/robot1/gate/image/compressed", "/robot1/annotated"}
    covered = {"/robot1/gate/image_anonymized"}
    assert topics & (with_faces | covered) == (with_faces if faces else covered)
    assert not any(topic.startswith("-") for topic in topics)


def words_of(recording: Any) -> list[str]:
    """The command line."""
    context = LaunchContext()
    return ["".join(context.perform_substitution(part) for part in word) for word in recording.cmd]


def test_two_namespaces_record_into_two_folders() -> None:
    from smolvlm_ros.launching.recording import recorder
    _, context = funnel_context(record="true")
    folders = [words_of(recorder(context, name))[-1] for name in ("", "robot1", "/fleet/robot2")]
    for folder, name in zip(folders, ("", "robot1_", "fleet_robot2_"), strict=True):
        assert re.fullmatch(rf"rosbag2_{name}\d{{4}}(_\d\d){{2}}-\d\d(_\d\d){{2}}", folder)


# Who says use_sim_time: the argument, a SetParameter around the launch, the parameter file; and
# what holds.
SIM_TIME = [("", None, None, False), ("true", None, None, True), ("false", True, True, False),
            ("", True, None, True), ("", None, True, True), ("", True, False, False)]


@pytest.mark.parametrize(("argument", "outside", "file", "holds"), SIM_TIME)
@pytest.mark.parametrize("composed", ["false", "true"])
def test_without_an_argument_the_clock_is_as_set_outside(
        argument: str, outside: bool | None, file: bool | None, holds: bool, composed: str,
        tmp_path: Path) -> None:
    from smolvlm_ros.launching.recording import recorder
    parameters = tmp_path / "parameters.yaml"
    said = {} if file is None else {"use_sim_time": file}
    parameters.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"seen": 1, **said}}}))
    funnel, context = funnel_context(use_sim_time=argument, composed=composed, record="true",
                                     params_file=str(parameters))
    if outside is not None:
        SetParameter("use_sim_time", outside).execute(context)
    assert sim_time_of(funnel.node_process(context, "gate", ["gate"]), context) is holds
    assert sim_time_of(funnel.rviz(context), context) is holds
    assert ("--use-sim-time" in words_of(recorder(context, ""))) is holds
    demo = load("demo.launch.py")
    context.launch_configurations.update(source="demo", loop="false", autostart="false")
    assert sim_time_of(demo.start_source(context)[0], context) is holds


def sim_time_of(node: Any, context: LaunchContext) -> bool:
    """What rcl makes of a node's command line: the last one that says it wins."""
    node._perform_substitutions(context)
    words = ["".join(getattr(part, "text", "") for part in word) for word in node.cmd]
    held = False
    for option, value in zip(words, words[1:], strict=False):
        if option == "-p" and value.startswith("use_sim_time:="):
            held = yaml.safe_load(value.partition(":=")[2])
        elif option == "--params-file":
            for section in yaml.safe_load(Path(value).read_text()).values():
                held = section["ros__parameters"].get("use_sim_time", held)
    return bool(held)


def test_rectified_images_are_so_for_depth_and_fusion() -> None:
    for rectified in (True, False):
        funnel, context = funnel_context(rectified=str(rectified).lower())
        funnel.check(context)
        told = yaml.safe_load(Path(context.launch_configurations["params_file"]).read_text())
        assert [told[f"/**/{node}"]["ros__parameters"].get("rectified")
                for node in ("depth", "fusion")] == [True if rectified else None] * 2
        # What the file says besides stays.
        assert told["/**/fusion"]["ros__parameters"]["depth_std_rel"] == 0.1


@pytest.mark.parametrize(("record", "faces", "composed", "runs"), [
    ("false", "false", "false", []), ("false", "false", "true", []),
    ("true", "false", "false", ["anonymizer"]), ("true", "false", "true", ["--anonymizer"]),
    ("true", "true", "false", []), ("true", "true", "true", [])])
def test_the_anonymizer_runs_for_a_covered_recording_only(record: str, faces: str, composed: str,
                                                          runs: list[str]) -> None:
    funnel, context = funnel_context(record=record, record_faces=faces, composed=composed,
                                     autostart="false")
    words = [word for node in funnel.start_nodes(context) for word in (
        node.node_executable, *(getattr(part, "text", "") for word in node.cmd for part in word))]
    assert [word for word in words if word.strip("-") == "anonymizer"] == runs
