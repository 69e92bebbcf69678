"""A model on another machine sees no head of a person whom the detector has seen."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from loopback import Loopback, RedModel, serving

from smolvlm_ros.qa.engine import EngineConfig, EngineError, Withheld
from smolvlm_ros.qa.grounding import Grounded
from smolvlm_ros.qa.looking import Looking, looking_at
from smolvlm_ros.qa.policy import SceneQA
from smolvlm_ros.qa.server_config import ServerEngineConfig
from smolvlm_ros.qa.server_engine import ServerEngine
from smolvlm_ros.qa.verdict import Frame
from smolvlm_ros.remote import privacy
from smolvlm_ros.remote.address import ServerConfig
from smolvlm_ros.remote.persons import Persons
from smolvlm_ros.remote.privacy import PrivacyConfig, PrivacyError

QUESTION = "Is this image red?"
PERSON = (40.0, 20.0, 70.0, 110.0)
HEAD, REST = np.s_[24:44, 44:66], np.s_[80:110, 90:150]
PRIVACY = PrivacyConfig(blur_plates=False, boxes_wait_s=0.05)


def stripes(shade: int = 0) -> np.ndarray:
    """Red stripes, which show whether something was covered."""
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, ::8] = image[:, 1::8] = image[:, 2::8] = image[:, 3::8] = (250 - shade, 60, 60)
    return image


FRAMES = (Frame(stripes(), 10.0), Frame(stripes(5), 11.0))


def restless(part: np.ndarray) -> float:
    return float(np.abs(np.diff(part.astype(int), axis=1)).mean())


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Loopback, ServerEngine, Persons]]:
    """An engine whose server counts as another machine, with a detector that runs."""
    monkeypatch.setattr(ServerConfig, "local", property(lambda c: not c.allow_remote))
    persons = Persons(teller=lambda: True)
    with serving(RedModel()) as server:
        engine = ServerEngine.connect(
            ServerEngineConfig(url=server.url, timeout_s=20.0, allow_remote=True), EngineConfig(),
            PRIVACY, environ={}, persons=persons)
        server.requests.clear()
        yield server, engine, persons


def ways(engine: ServerEngine) -> dict[str, Any]:
    """Every way in which frames reach the model."""
    looking = looking_at(engine, FRAMES)
    first = FRAMES[0].image_rgb
    return {
        "verdict": lambda: SceneQA().decide(QUESTION, FRAMES, looking),
        "with notes": lambda: Grounded(looking, ["A note."]).yes_no(first, [QUESTION]),
        "free": lambda: list(looking.stream(first, "What is it?")),
        "video": lambda: list(engine.watch(FRAMES, "What happened?")),
    }


@pytest.mark.parametrize("way", ["verdict", "with notes", "free", "video"])
def test_heads_are_covered_and_what_is_not_known_is_not_sent(
        remote: tuple[Loopback, ServerEngine, Persons], way: str) -> None:
    server, engine, persons = remote
    ask = ways(engine)[way]
    with pytest.raises(EngineError, match="no image is sent: the detector told of no persons"):
        ask()
    assert server.requests == [] and persons.withheld == (2 if way == "video" else 1)
    for frame in FRAMES:
        persons.tell(frame.stamp_s, [PERSON])
    ask()
    shown = [image for request in server.requests for image in request.images]
    assert shown
    for image in shown:
        assert restless(image[HEAD]) < 0.4 * restless(image[REST])
        assert restless(image[REST]) > 0.8 * restless(stripes()[REST])


def test_a_crop_and_a_scaled_image_are_covered_where_the_head_is(
        remote: tuple[Loopback, ServerEngine, Persons]) -> None:
    server, engine, persons = remote
    persons.tell(10.0, [(140.0, 70.0, 170.0, 160.0)])
    crop = Frame(stripes(), 10.0, region=(100, 50, 260, 170))
    looking_at(engine, [crop]).yes_no(crop.image_rgb, [QUESTION])
    persons.tell(20.0, [tuple(12 * value for value in PERSON)])
    large = Frame(np.kron(stripes(), np.ones((12, 12, 1), np.uint8)), 20.0)  # 1920 px wide
    looking_at(engine, [large]).yes_no(large.image_rgb, [QUESTION])
    first, second = (request.images[0] for request in server.requests)
    assert restless(first[HEAD]) < 0.4 * restless(first[REST])
    assert second.shape[1] == 768
    head, rest = second[120:210, 215:315], second[390:520, 440:710]
    assert restless(head) < 0.4 * restless(rest)


def test_an_image_of_which_nothing_is_known_is_not_sent(
        remote: tuple[Loopback, ServerEngine, Persons]) -> None:
    server, engine, persons = remote
    persons.tell(10.0, [])
    for asked in (engine, looking_at(engine, FRAMES)):
        with pytest.raises(EngineError, match="no image is sent: of an image that is no frame"):
            asked.yes_no(stripes(), [QUESTION])
    assert server.requests == []
    engine.use_privacy(PrivacyConfig(blur_faces=False, blur_plates=False))
    engine.yes_no(stripes(), [QUESTION])  # nobody is to be covered
    assert len(server.requests) == 1


def test_which_frames_of_a_video_may_not_be_sent_is_told(
        remote: tuple[Loopback, ServerEngine, Persons]) -> None:
    server, engine, persons = remote
    persons.tell(11.0, [PERSON])
    frames = (Frame(stripes(), 5.0), Frame(stripes(), 7.0), FRAMES[1])
    with pytest.raises(Withheld, match="no image is sent") as caught:
        list(engine.watch(frames, "What happened?"))
    assert caught.value.stamps == (5.0, 7.0) and server.requests == []


def test_what_cannot_be_covered_is_not_taken_on(
        remote: tuple[Loopback, ServerEngine, Persons], monkeypatch: pytest.MonkeyPatch) -> None:
    _, engine, _ = remote
    monkeypatch.setattr(privacy, "_cascade", missing)
    with pytest.raises(PrivacyError, match="no cascade here"):
        engine.use_privacy(PrivacyConfig(blur_plates=True))
    assert engine._privacy == PRIVACY
    engine.use_privacy(PrivacyConfig(blur_faces=False, blur_plates=False))


def missing(name: str) -> None:
    raise PrivacyError(f"no cascade here: {name}")


def test_on_this_machine_nothing_is_covered_nor_waited_for() -> None:
    with serving(RedModel()) as server:
        engine = ServerEngine.connect(ServerEngineConfig(url=server.url, timeout_s=20.0),
                                      EngineConfig(), PRIVACY, environ={},
                                      persons=Persons(teller=lambda: True))
        assert looking_at(engine, FRAMES) is engine
        assert not isinstance(looking_at(object(), FRAMES), Looking)
        engine.yes_no(stripes(), [QUESTION])
        image = server.requests[-1].images[0]
        assert restless(image[HEAD]) > 0.8 * restless(stripes()[HEAD])
