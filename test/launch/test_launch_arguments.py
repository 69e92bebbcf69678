"""Arguments of the launch files: what is wrong is an error before anything starts."""
from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

# Not `launch`: from the repository's root Python takes the folder launch/ for a package.
for _module in ("launch_ros.actions", "vision_msgs"):
    pytest.importorskip(_module, reason="needs launch_ros, which is part of a ROS installation")

# ruff: noqa: E402
import launch.logging
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import (
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch_ros.actions import SetParameter

LAUNCH = Path(__file__).parents[2] / "launch"
FILES = sorted(p.name for p in LAUNCH.glob("*.launch.py"))
FUNNEL = {"namespace", "params_file", "image", "camera_info", "composed", "autostart", "log_level",
          "use_sim_time", "rviz", "record", "record_faces", "models", "rectified"}


@pytest.fixture
def errors() -> Iterator[list[str]]:
    """What launch logs as errors."""
    texts: list[str] = []

    class Catcher(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR:
                texts.append(record.getMessage())

    catcher, logger = Catcher(), launch.logging.get_logger("launch")
    logger.addHandler(catcher)
    yield texts
    logger.removeHandler(catcher)


def include(name: str, **arguments: str) -> IncludeLaunchDescription:
    """What `ros2 launch` does with a file and its arguments."""
    return IncludeLaunchDescription(str(LAUNCH / name), launch_arguments=arguments.items())


def run(*actions: object) -> int:
    service = LaunchService()
    service.include_launch_description(LaunchDescription(list(actions)))
    code: int = service.run()
    return code


def test_the_four_launch_files_are_there() -> None:
    assert FILES == ["demo.launch.py", "funnel.launch.py", "jetson_orin_nano_drone.launch.py",
                     "jetson_orin_nano_robot.launch.py"]


@pytest.mark.parametrize("name", FILES)
def test_every_argument_is_declared_and_described(name: str) -> None:
    declared = LaunchDescription([include(name)]).get_launch_arguments()
    # Those of funnel.launch.py can be given to every launch file that includes it.
    assert {a.name for a in declared} >= FUNNEL
    for argument in declared:
        assert len(argument.description) > 15 and argument.description != "no description given"
        assert argument.default_value is not None


def test_the_readme_launches_what_is_there() -> None:
    text = (LAUNCH.parent / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ros2 launch smolvlm_ros (\S+)([^#\n]*)", text, re.M)
    assert len(lines) >= 3
    for name, rest in lines:
        declared = {a.name for a in LaunchDescription([include(name)]).get_launch_arguments()}
        assert set(re.findall(r"(\w+):=", rest)) <= declared
        assert {word for word in rest.split() if ":=" not in word} <= {"--show-args"}


WRONG = [
    # A misspelt name, near a known one.
    ({"imgae": "/camera/image_raw"}, "unknown launch argument 'imgae'; did you mean 'image'?"),
    # A name that is near nothing.
    ({"zzzzzz": "1"}, "unknown launch argument 'zzzzzz' (ros2 launch"),
    # Two at once: both are named.
    ({"composd": "true", "rvizz": "true"}, "did you mean 'composed'?; unknown launch argument"),
    # A flag that is no flag: launch's own conditions take some of these for false.
    ({"composed": "ture"}, 'Argument "composed" provided value "ture" is not valid'),
    ({"autostart": "1"}, 'Argument "autostart" provided value "1" is not valid'),
    ({"record": ""}, 'Argument "record" provided value "" is not valid'),
    # Faces of a recording that nobody asked for.
    ({"record_faces": "true"}, "record_faces:=true records nothing by itself"),
    ({"use_sim_time": "1"}, 'Argument "use_sim_time" provided value "1" is not valid'),
    # A level that does not exist.
    ({"log_level": "verbose"}, 'Argument "log_level" provided value "verbose" is not valid'),
    # Files that are missing or a folder.
    ({"params_file": "missing.yaml"}, "params_file 'missing.yaml' is not a file"),
    ({"params_file": str(LAUNCH)}, "is not a file"),
    # A file that holds something else.
    ({"params_file": str(LAUNCH / "funnel.launch.py")}, "cannot be read"),
    # Models: a misspelt word, and a folder without them.
    ({"models": "embeded"}, "models: models 'embeded' is not one of embedded, hub, none"),
    ({"models": str(LAUNCH)}, "lacks depth-indoor, depth-outdoor, detector, vlm"),
    # Names that ROS refuses.
    ({"namespace": "my robot"}, "namespace: Invalid namespace"),
    ({"image": "camera image"}, "image: Invalid topic name"),
    ({"camera_info": "/camera//info"}, "camera_info: Invalid topic name"),
]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=lambda v: next(iter(v), "")[:12])
def test_a_wrong_argument_is_an_error(name: str, arguments: dict[str, str], text: str,
                                      errors: list[str]) -> None:
    started: list[object] = []
    # Were a process started, the launch would not end.
    code = run(include(name, **arguments))
    assert code == 1 and not started
    assert any(text in error for error in errors), errors


def test_a_real_camera_with_the_embedded_checkpoints_is_refused(errors: list[str]) -> None:
    assert run(include("demo.launch.py", source="/dev/video0", models="embedded")) == 1
    assert any("know the embedded world only, and '/dev/video0' is not it" in error
               for error in errors), errors


def choose(models: str) -> LaunchContext:
    """What the funnel's launch decides on `models`, with images from elsewhere."""
    from smolvlm_ros.launching.models import choose_models
    context = LaunchContext()
    context.launch_configurations.update(
        models=models, params_file=str(LAUNCH.parent / "config/funnel.yaml"))
    choose_models(context, "", {})
    return context


def test_the_embedded_checkpoints_on_somebody_s_images_are_warned_of(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from smolvlm_ros.launching import models
    said: list[str] = []
    monkeypatch.setattr(models, "_say", said.append)
    for part in ("depth-indoor", "depth-outdoor", "detector", "vlm"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "config.json").write_text('{"model_type": "any"}')
    for harmless in ("params", "auto", "none", "hub", str(tmp_path)):
        choose(harmless)
    assert said == []
    context = choose("embedded")
    assert "world-depth-indoor" in Path(context.launch_configurations["params_file"]).read_text()
    assert len(said) == 1 and "world-vlm" in said[0] and "embedded world only" in said[0]


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


def test_a_calibration_that_is_missing_is_named(errors: list[str], tmp_path: Path) -> None:
    parameters = tmp_path / "mine.yaml"
    parameters.write_text("/**/video_source:\n  ros__parameters: {camera_info_file: no.yaml}\n")
    assert run(include("demo.launch.py", source="demo", params_file=str(parameters))) == 1
    assert any("calibration no.yaml cannot be read" in error for error in errors), errors


def test_a_source_that_is_no_world_is_named(errors: list[str]) -> None:
    assert run(include("demo.launch.py", source="world:cellar", models="none")) == 1
    assert any("world:cellar" in error and "not known" in error for error in errors), errors


@pytest.mark.parametrize("argument", ["rviz", "record"])
def test_a_tool_that_is_not_installed_is_named(argument: str, errors: list[str],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(LAUNCH))  # nothing is installed there
    assert run(include("funnel.launch.py", **{argument: "true"})) == 1
    assert any(f"{argument}:=true needs the package" in error for error in errors), errors


def test_what_launch_itself_reads_is_not_unknown(errors: list[str]) -> None:
    # sigterm_timeout is declared by nobody; only the last argument is wrong here.
    run(include("funnel.launch.py", sigterm_timeout="3", params_file="missing.yaml"))
    assert not any("unknown" in error for error in errors)


def test_an_including_launch_file_may_have_arguments_of_its_own(errors: list[str]) -> None:
    # The configuration `map` of somebody's bring-up is visible in ours, and none of our business.
    run(GroupAction([SetLaunchConfiguration("map", "office.yaml"),
                     include("funnel.launch.py", params_file="missing.yaml")]))
    assert not any("unknown" in error for error in errors)
    assert any("missing.yaml" in error for error in errors)


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


def load(name: str) -> Any:
    """A launch file as a module."""
    spec = importlib.util.spec_from_file_location(name.partition(".")[0], LAUNCH / name)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def funnel_context(**given: str) -> tuple[Any, LaunchContext]:
    """The module of funnel.launch.py, and a context with its arguments."""
    funnel = load("funnel.launch.py")
    context = LaunchContext()
    context.launch_configurations.update(
        {a.name: "".join(context.perform_substitution(part) for part in a.default_value)
         for a in funnel.declared_arguments()}, **given)
    return funnel, context


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
