"""ROS for the node tests: one context for the whole run; models and sources that they share."""
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def ros() -> Iterator[None]:
    """The context that all nodes of this process live in."""
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope="session")
def tiny_vlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real SmolVLM of 65 thousand random weights, which never ends an answer by itself."""
    return _make_vlm(tmp_path_factory.mktemp("tiny_vlm"), 0)


@pytest.fixture(scope="session")
def other_vlms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same with other weights, one after the other."""
    return (_make_vlm(tmp_path_factory.mktemp("vlm"), seed) for seed in (21, 14, 5, 15, 12, 11, 4))


@pytest.fixture
def patient_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that was asked for may take its time on a busy machine: it is not asked for again."""
    from smolvlm_ros.ros import event_questions, frame_supply

    for module in (frame_supply, event_questions):
        monkeypatch.setattr(module, "ASK_AGAIN_S", 60.0)


@pytest.fixture
def patient_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client has time on a busy machine to take its answer before the service ends."""
    from smolvlm_ros.ros import waiters

    monkeypatch.setattr(waiters, "_ANSWER_S", 3.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images, each brighter than the one before; they come at 10 Hz."""
    path = tmp_path / "images"
    path.mkdir()
    for i in range(5):
        cv2.imwrite(str(path / f"img{i}.png"), np.full((48, 64, 3), 40 * i, np.uint8))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Twenty frames at 20 Hz."""
    path = tmp_path / "clip.avi"
    picture = _picture()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 20.0, (64, 48))
    for i in range(20):
        writer.write(np.roll(picture, i, 1))
    writer.release()
    return path


@pytest.fixture
def rgbd(tmp_path: Path) -> Path:
    """Three frames with depth and poses, the camera 0.1 m further with each; N counts at 30 Hz."""
    path = tmp_path / "rgbd"
    path.mkdir()
    np.savetxt(path / "camera-intrinsics.txt", [[60.0, 0, 31.5], [0, 60.0, 23.5], [0, 0, 1]])
    for n, i in enumerate((6, 9, 12)):
        cv2.imwrite(str(path / f"frame-{i:06d}.color.png"), _picture())
        depth = np.full((24, 32), 1000 + n, np.uint16)
        depth[0, :2] = (0, 65535)
        cv2.imwrite(str(path / f"frame-{i:06d}.depth.png"), depth)
        pose = np.eye(4)
        pose[0, 3] = 0.1 * n
        np.savetxt(path / f"frame-{i:06d}.pose.txt", pose)
    return path


def _picture() -> np.ndarray:
    from source_bench import PICTURE

    return PICTURE


def _make_vlm(folder: Path, seed: int) -> Path:
    torch = pytest.importorskip("torch", reason="the extra vlm is not installed")
    pytest.importorskip("transformers", reason="the extra vlm is not installed")
    torch.set_num_threads(1)
    sys.path.insert(0, str(Path(__file__).parents[1] / "qa"))
    from tiny_smolvlm import SPECIAL, make_model, make_tokenizer, save

    tokenizer = make_tokenizer()
    model = make_model(tokenizer, seed)
    with torch.no_grad():  # logits of 0 are never the greatest
        model.lm_head.weight[[tokenizer.convert_tokens_to_ids(token) for token in SPECIAL]] = 0
    return save(folder, model, tokenizer)
