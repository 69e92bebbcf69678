"""Runs the demo: the funnel and its camera in processes of their own, watched until the end."""
from __future__ import annotations

import json
import math
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolvlm_ros.demo.files import shared_file
from smolvlm_ros.demo.film import Film
from smolvlm_ros.demo.journal import Journal
from smolvlm_ros.demo.preparing import prepare
from smolvlm_ros.demo.processes import Child, ChildError
from smolvlm_ros.demo.screen import Screen
from smolvlm_ros.demo.sheet import write_sheet
from smolvlm_ros.demo.wiring import NODE, Opening, Wiring, opening, wiring_of_source
from smolvlm_ros.demo.world import world_parameters
from smolvlm_ros.drawing import Mp4Writer
from smolvlm_ros.launching.parameter_file import read, write_with_values
from smolvlm_ros.models.choice import AUTO, Parameters, merged, resolve
from smolvlm_ros.recording import McapRecorder, RecordingError
from smolvlm_ros.sources import SourceError

PARAMETERS = "parameters.yaml"
_RESULTS = ("recording", "annotated.mp4", "contact_sheet.png", "funnel.json")
_READY_S = 120.0
_DRAIN_S = 2.0
_ANSWER_S = 30.0  # scene_qa answers within its timeout_s, 20 s
_STAGES = {"gate", "depth", "detector", "fusion", "scene_qa"}


@dataclass(frozen=True)
class DemoOptions:
    """What to play and where to write.

    Attributes:
        source: as video_source takes it.
        output: folder for the results; made when missing, its earlier results replaced.
        parameters: YAML file of the nodes' parameters; None for the demo's own.
        models: as `models.choice.resolve` takes it.
        overrides: (node, parameter, value) that win over the file.
        question: asked of the running funnel; empty for none.
        duration_s: stop after so long; 0 for the source's end.
        loop: play without end.
        film, record: write annotated.mp4 and the recording.
    """

    source: str
    output: Path
    parameters: Path | None = None
    models: str = AUTO
    overrides: tuple[tuple[str, str, str], ...] = ()
    question: str = ""
    duration_s: float = 0.0
    loop: bool = False
    film: bool = True
    record: bool = True


def run_demo(options: DemoOptions) -> int:
    """Play the source through the funnel; returns the exit code.

    Raises:
        SourceError: when the source cannot be played; nothing is started then.
        ModelError: when the models cannot be had, or are not for this source; likewise.
        ValueError: when the parameter file is none; likewise.
    """
    _refuse_own_results(options)
    file = options.parameters or shared_file("config/demo.yaml")
    how = opening(read(file), options.overrides)
    wiring = wiring_of_source(options.source, how)
    values = _chosen(options, wiring)
    fps = _frame_rate(options.source, how)
    output = _fresh(options.output)
    write_with_values(file, values, output / PARAMETERS)
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(shared_file("config/fastdds.xml")))
    journal = Journal(options.source)
    film = Film(Mp4Writer(output / "annotated.mp4", min(fps, 60.0))) if options.film else None
    recorder = McapRecorder(output / "recording", compress=True) if options.record else None
    interrupted = _Interrupt()
    code = 0
    try:
        _play(options, journal, recorder, film, wiring, interrupted)
    except ChildError as error:
        print(f"demo: {error}")
        code = 1
    finally:
        if film is not None:
            film.close()
        if recorder is not None:
            _closed(recorder)
    _report(journal, output, film)
    return code


def _chosen(options: DemoOptions, wiring: Wiring) -> Parameters:
    """What the models, the embedded world and the wiring set; the models are made ready."""
    choice = resolve(options.models, options.source, wiring.frame_id)
    if choice.note:
        print(f"demo: {choice.note}")
    values = merged(choice.parameters(),
                    world_parameters(options.source, zones=options.parameters is None),
                    wiring.parameters)
    prepare(values, lambda text: print(f"demo: {text}", flush=True))
    return values


def _frame_rate(source: str, how: Opening) -> float:
    """Frames per second of a source, which has at least one."""
    with how.open(source) as probe:
        if probe.read() is None:
            raise SourceError(f"{source} has no frames; give another source")
        return probe.fps or 10.0


class _Interrupt:
    """True once ctrl-C or SIGTERM has come; a second one ends the process at once."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on)

    def _on(self, number: int, _: Any) -> None:
        self.came = True
        signal.signal(number, signal.SIG_DFL)

    def __bool__(self) -> bool:
        return self.came


def _play(options: DemoOptions, journal: Journal, recorder: McapRecorder | None, film: Film | None,
          wiring: Wiring, interrupted: _Interrupt) -> None:
    from smolvlm_ros.nodes.demo_watch import watching  # ROS, once the environment is set

    children: list[Child] = []
    with watching(journal, recorder, film, wiring) as watch:
        try:
            children.append(Child("funnel", _arguments(options, _funnel_extra(wiring)),
                                  options.output / "funnel.log"))
            begin = time.monotonic()
            while not _STAGES <= watch.active and not interrupted:
                _check(children, watch, _STAGES, begin)
                time.sleep(0.05)
            children.append(Child(NODE, _arguments(options, _source_extra(options, film)),
                                  options.output / "video_source.log"))
            _watch(options, journal, watch, children, interrupted)
        finally:
            for child in reversed(children):
                child.stop()


def _watch(options: DemoOptions, journal: Journal, watch: Any, children: list[Child],
           interrupted: _Interrupt) -> None:
    """Draw the table and ask the planner's questions until the source has been played."""
    screen = Screen(journal)
    begin = time.monotonic()
    asked, answers_by_s = False, math.inf
    while not interrupted:
        _check(children, watch, {NODE}, begin)
        screen.draw()
        time.sleep(0.2)
        elapsed_s = time.monotonic() - begin
        quiet = time.monotonic() - watch.last_message_s > _DRAIN_S
        ending = (watch.finished and quiet) or 0 < options.duration_s <= elapsed_s
        if not asked and (journal.zone_events or ending):
            asked = True  # when somebody is there to ask about, at the latest at the end
            if options.question:
                watch.ask(options.question)
            watch.measure()
            continue
        if ending:
            answers_by_s = min(answers_by_s, time.monotonic() + _ANSWER_S)
            if not watch.outstanding or time.monotonic() >= answers_by_s:
                break
    screen.draw(final=True)


def _check(children: list[Child], watch: Any, nodes: set[str], begin: float) -> None:
    """Raise ChildError when a process has ended, or a node refuses to start or takes too long.

    Args:
        children: the processes.
        watch: the DemoWatch.
        nodes: those that are to become active.
        begin: since when they are waited for.
    """
    for child in children:
        child.check()
    for node, reason in watch.refused.items():
        raise ChildError(f"{node} does not start: {reason}")
    late = nodes - watch.active
    if late and time.monotonic() - begin > _READY_S:
        raise ChildError(f"{', '.join(sorted(late))} not active within {_READY_S:g} s; see the "
                         "logs in the output")


def _arguments(options: DemoOptions, extra: list[str]) -> list[str]:
    arguments = ["--ros-args", "--params-file", str(options.output / PARAMETERS)]
    for node in (*sorted(_STAGES), NODE):
        arguments += ["-p", f"{node}:autostart:=true"]
    for node, name, value in options.overrides:
        arguments += ["-p", f"{node}:{name}:={value}"]
    return arguments + extra


def _funnel_extra(wiring: Wiring) -> list[str]:
    extra = ["-r", "image:=image_raw", "-r", "image/compressed:=image_raw/compressed"]
    return extra + [part for pair in wiring.remappings for part in ("-r", ":=".join(pair))]


def _source_extra(options: DemoOptions, film: Film | None) -> list[str]:
    listeners = 1 if film is None else 2
    return ["-p", f"video_source:source:={json.dumps(options.source)}",
            "-p", f"video_source:loop:={'true' if options.loop else 'false'}",
            "-p", f"video_source:wait_for_subscribers:={listeners}"]


def _refuse_own_results(options: DemoOptions) -> None:
    """Refuse to play what this run would delete: the results of an earlier one."""
    source = Path(options.source).resolve()
    for result in ((options.output / name).resolve() for name in _RESULTS):
        if source == result or result in source.parents:
            raise SourceError(f"source {options.source} is a result of an earlier run, which this "
                              f"one would replace; give another folder with --output")


def _fresh(output: Path) -> Path:
    """The output folder without what an earlier run left, but for the parameters.

    They are written anew, and may be those that this run is given.
    """
    output.mkdir(parents=True, exist_ok=True)
    for path in (output / name for name in _RESULTS):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return output


def _closed(recorder: McapRecorder) -> None:
    try:
        recorder.close()
    except RecordingError as error:
        print(f"demo: {error}")


def _report(journal: Journal, output: Path, film: Film | None) -> None:
    text = json.dumps(journal.summary(), indent=1) + "\n"
    (output / "funnel.json").write_text(text, encoding="utf-8")
    if not write_sheet(journal, output / "contact_sheet.png"):
        print("demo: no object entered the zone, so there is no contact sheet")
    if film is not None and film.error:
        print(f"demo: {film.error}")
    names = sorted(p.name for p in output.iterdir())
    print(f"written to {output}: {', '.join(names)}")
