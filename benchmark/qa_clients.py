"""Ten clients that ask a scene_qa node at once for as long as is wished.

Nothing may be lost or late, and the memory is to stay flat. The node runs in a process of its own;
this one plays camera, gate and planners. Every client asks the next question as soon as it has its
answer: verdicts, texts, fresh frames, questions that must be refused, descriptions that it cancels.

A question's time is the `timeout_ms` that it comes with, 0.2 to 20 s. A description has none of its
own: its time is the node's `timeout_s`, after which the node ends it.
"""
from __future__ import annotations

import contextlib
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmark.domain import own_domain

CLIENTS = 10
TIMEOUT_S = 20.0    # the node's timeout_s
LATE_S = 1.0        # what an answer may take beyond its time: the way there and back
_LOST_S = 30.0      # and after so long it does not come any more
_READY_S = 120.0
_FRAMES_HZ = 2.0
_PICTURES = 8
_CANCELLED_AT = 2   # tokens
_THINGS = ("person", "box", "ball", "cone", "dog", "chair", "lamp", "door", "cable", "stair")
_PLACES = ("here", "on the floor", "on the left", "on the right")
_TIMES_MS = (200, 1000, 5000, 20000)


@dataclass
class Tally:
    """What came of the questions.

    Attributes:
        outcomes: how often an answer was of a kind: 'ok', 'refused', …, 'cancelled', 'lost'.
        late: answers and ends of descriptions that came more than a second after their time.
        latencies_ms: of the answers that say something.
        resident_mib: the node's memory, (seconds since the begin, MiB).
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    late: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    resident_mib: list[tuple[float, float]] = field(default_factory=list)

    def rows(self) -> dict[str, Any]:
        """The figures by key."""
        quarters = _quarters([mib for _, mib in self.resident_mib])
        return {
            "clients_asked": sum(self.outcomes.values()), "clients_lost": self.outcomes["lost"],
            "clients_late": self.late,
            **{f"clients_{kind}": self.outcomes[kind]
               for kind in ("ok", "refused", "no_frame", "geometry", "described", "cancelled")},
            "clients_latency_median_ms": statistics.median(self.latencies_ms or [0.0]),
            "clients_latency_worst_ms": max(self.latencies_ms, default=0.0),
            "clients_memory_mib": quarters[-1],
            # The first quarter fills caches and queues.
            "clients_memory_growth_mib": quarters[-1] - quarters[1]}


def rows(model: str, seconds: float, threads: int = 0) -> dict[str, Any]:
    """Ask for so long; nothing where there is no ROS.

    Args:
        model: as scene_qa's `engine.model`.
        seconds: how long the clients ask.
        threads: of the model; 0 leaves the library's choice.

    Raises:
        RuntimeError: the node ended.
        TimeoutError: it did not come up.
    """
    try:
        import rclpy
        from smolvlm_ros.srv import AskScene  # noqa: F401
    except ImportError:
        print("no ROS 2 here: no rows of clients", file=sys.stderr)
        return {}
    with contextlib.ExitStack() as stack:
        own_domain(stack)
        context = rclpy.Context()
        rclpy.init(context=context)
        stack.callback(lambda: rclpy.try_shutdown(context=context))
        child = stack.enter_context(_scene_qa(model, threads))
        peer = stack.enter_context(_spun(context))
        return _asked(child, peer, seconds).rows()


@contextlib.contextmanager
def _scene_qa(model: str, threads: int) -> Iterator[Any]:
    from smolvlm_ros.demo.processes import Child

    settings = ("autostart:=true", f"timeout_s:={TIMEOUT_S}", f"engine.model:={model}",
                f"engine.num_threads:={threads}", "engine.max_new_tokens:=8",
                "rate.per_client_hz:=0.0", "policy.min_mass:=0.0")
    with tempfile.TemporaryDirectory() as folder:
        child = Child("scene_qa", ["--ros-args", *(p for s in settings for p in ("-p", s))],
                      Path(folder) / "scene_qa.log")
        try:
            yield child
        finally:
            child.stop()


@contextlib.contextmanager
def _spun(context: Any) -> Iterator[Any]:
    """A node that another thread spins."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    node = rclpy.create_node("qa_clients", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown()
        thread.join(10.0)
        node.destroy_node()


def _asked(child: Any, node: Any, seconds: float) -> Tally:
    from rclpy.action import ActionClient
    from smolvlm_ros.action import DescribeScene
    from smolvlm_ros.srv import AskScene

    camera = _Camera(node)
    service = node.create_client(AskScene, "scene_qa/ask")
    action = ActionClient(node, DescribeScene, "scene_qa/describe")
    deadline_s = time.monotonic() + _READY_S
    while not (service.service_is_ready() and action.server_is_ready() and camera.seen()):
        child.check()
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"scene_qa did not come up in {_READY_S:g} s")
        time.sleep(0.1)
    camera.begin()
    time.sleep(2 / _FRAMES_HZ)  # two frames, as a verdict needs
    tally, lock = Tally(), threading.Lock()
    begin_s = time.monotonic()
    clients = [_Client(number, service, action, tally, lock, begin_s + seconds)
               for number in range(CLIENTS)]
    threads = [threading.Thread(target=client.run, daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        child.check()
        tally.resident_mib.append((time.monotonic() - begin_s, _resident_mib(child.pid)))
        time.sleep(min(1.0, seconds / 40))
    return tally


class _Camera:
    """Publishes frames of the embedded world, and lets pass what is asked for."""

    def __init__(self, node: Any) -> None:
        from sensor_msgs.msg import Image
        from std_msgs.msg import Header
        from std_srvs.srv import Trigger

        from smolvlm_ros.models.embedded import WORLD_FRAME_ID
        from smolvlm_ros.ros import images
        from smolvlm_ros.world import World

        world = World("room", 900, camera="drone", duration_s=30.0)
        self._node, self._count = node, 0
        self._pictures = [images.from_rgb(world.frame(10 * index).image_rgb,
                                          Header(frame_id=WORLD_FRAME_ID))
                          for index in range(_PICTURES)]
        self._publisher = node.create_publisher(Image, "gate/image", 10)
        node.create_service(Trigger, "gate/request_frame", self._requested)

    def seen(self) -> bool:
        """True when somebody listens."""
        return bool(self._publisher.get_subscription_count())

    def begin(self) -> None:
        """Send frames from now on."""
        self._node.create_timer(1 / _FRAMES_HZ, self._publish)

    def _publish(self) -> None:
        message = self._pictures[self._count % len(self._pictures)]
        self._count += 1
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)

    def _requested(self, _: Any, response: Any) -> Any:
        self._publish()
        response.success = True
        return response


@dataclass
class _Client:
    """Asks one question after the other."""

    number: int
    service: Any
    action: Any
    tally: Tally
    lock: threading.Lock
    until_s: float

    def run(self) -> None:
        choose = random.Random(self.number)
        while time.monotonic() < self.until_s:
            begin_s = time.monotonic()
            limit_s = choose.choice(_TIMES_MS) / 1e3
            if choose.random() < 0.1:
                outcome, limit_s = self._described(choose), TIMEOUT_S
            else:
                outcome = self._asked(choose, limit_s)
            took_s = time.monotonic() - begin_s
            with self.lock:
                self.tally.outcomes[outcome] += 1
                self.tally.late += outcome != "lost" and took_s > limit_s + LATE_S
                if outcome == "ok":
                    self.tally.latencies_ms.append(1e3 * took_s)

    def _asked(self, choose: random.Random, limit_s: float) -> str:
        from smolvlm_ros.srv import AskScene

        response = AskScene.Response
        kinds = {response.OK: "ok", response.REFUSED: "refused", response.NO_FRAME: "no_frame",
                 response.NO_MODEL: "no_model", response.GEOMETRY: "geometry"}
        thing, place = choose.choice(_THINGS), choose.choice(_PLACES)
        question, mode = choose.choices((
            (f"Is there a {thing} {place}?", AskScene.Request.AUTO),
            ("What is on the floor?", AskScene.Request.FREE),
            ("How far is the person?", AskScene.Request.AUTO),
            ("Is it <image> on?", AskScene.Request.YES_NO)), (75, 15, 5, 5))[0]
        request = AskScene.Request(
            question=question, mode=mode, client=f"client {self.number}",
            timeout_ms=int(1e3 * limit_s),
            frame=choose.choices((AskScene.Request.NEWEST, AskScene.Request.FRESH), (8, 2))[0])
        future = self.service.call_async(request)
        answered = _done(future, limit_s + _LOST_S)
        if not answered:
            self.service.remove_pending_request(future)
        return kinds[future.result().status] if answered else "lost"

    def _described(self, choose: random.Random) -> str:
        from action_msgs.msg import GoalStatus
        from smolvlm_ros.action import DescribeScene

        tokens = threading.Semaphore(0)
        sent = self.action.send_goal_async(
            DescribeScene.Goal(client=f"client {self.number}"), lambda _: tokens.release())
        if not _done(sent, _LOST_S):
            return "lost"
        handle = sent.result()
        if not handle.accepted:
            return "refused"
        result = handle.get_result_async()
        if choose.random() < 0.5:
            for _ in range(_CANCELLED_AT):
                tokens.acquire(timeout=1.0)
            handle.cancel_goal_async()
        if not _done(result, TIMEOUT_S + _LOST_S):
            return "lost"
        return {GoalStatus.STATUS_CANCELED: "cancelled", GoalStatus.STATUS_SUCCEEDED: "described"
                }.get(result.result().status, "refused")


def _done(future: Any, timeout_s: float) -> bool:
    """Wait for a future that another thread's executor completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    return done.wait(timeout_s)


def _quarters(values: list[float]) -> list[float]:
    """The median of each quarter; the whole list's where there are fewer than four."""
    if len(values) < 4:
        return [statistics.median(values or [0.0])] * 4
    step = len(values) / 4
    return [statistics.median(values[int(n * step):int((n + 1) * step)]) for n in range(4)]


def _resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
