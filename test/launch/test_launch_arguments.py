"""Arguments of the launch files: what is wrong is an error before anything starts."""
from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

# Not `launch`: from the repository's root Python takes the folder launch/ for a package.
for _module in ("launch_ros.actions", "vision_msgs"):
    pytest.importorskip(_module, reason="needs launch_ros, which is part of a ROS installation")

# ruff: noqa: E402
import launch.logging
from launch import LaunchContext, LaunchDescription
from launch.actions import GroupAction, SetLaunchConfiguration
from launch_files import FILES, LAUNCH, include, run

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
