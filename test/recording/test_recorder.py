"""Recordings: read back by rosbags' own reader, bounded, and recovered after a kill."""
from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from smolvlm_ros.recording import (
    McapRecorder,
    RecordingError,
    TopicQos,
    definition_text,
    recover_recording,
    type_hash,
)

pytest.importorskip("rosbags", reason="the Python package rosbags is not installed")
from rosbags.highlevel import AnyReader  # noqa: E402

STRING = "std_msgs/msg/String"
# From the released std_msgs 5.3.6 (Jazzy).
STRING_HASH = "RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18"
VERDICT = "demo_msgs/msg/Verdict"
VERDICT_TEXT = ("uint8 YES=1  # a constant\nstd_msgs/Header header\nstring<=20 text\n"
                "float64[] values\n" + "=" * 80 +
                "\nMSG: std_msgs/Header\nbuiltin_interfaces/Time stamp\n"
                "string frame_id\n" + "=" * 80 +
                "\nMSG: builtin_interfaces/Time\nint32 sec\nuint32 nanosec\n")


def text(words: str) -> bytes:
    """A std_msgs/String in CDR, little endian."""
    data = words.encode() + b"\0"
    return b"\0\1\0\0" + struct.pack("<I", len(data)) + data


def read(path: Path) -> list[tuple[str, int, str]]:
    with AnyReader([path]) as reader:
        return [(c.topic, stamp, reader.deserialize(data, c.msgtype).data)
                for c, stamp, data in reader.messages()]


@pytest.mark.parametrize("compress", [False, True])
def test_what_was_recorded_is_read_back(tmp_path: Path, compress: bool) -> None:
    expected = [(f"/chat{i % 2}", 10**18 + i, f"hello {i}") for i in range(500)]
    with McapRecorder(tmp_path / "bag", compress=compress) as recorder:
        for topic in ("/chat0", "/chat1", "/silent"):
            recorder.add_topic(topic, STRING, "string data")
        for topic, stamp_ns, words in expected:
            assert recorder.add(topic, text(words), stamp_ns)
        assert recorder.count == 500 and recorder.refused == 0
    assert read(tmp_path / "bag") == expected
    assert read(tmp_path / "bag" / "bag.mcap") == expected  # the file alone
    with AnyReader([tmp_path / "bag"]) as reader:
        assert {c.topic: c.digest for c in reader.connections} == dict.fromkeys(
            ("/chat0", "/chat1", "/silent"), STRING_HASH)


def test_the_metadata_is_what_humble_and_jazzy_read(tmp_path: Path) -> None:
    import yaml

    with McapRecorder(tmp_path / "bag") as recorder:
        recorder.add_topic("/map", STRING, "string data",
                           qos=TopicQos(transient_local=True, reliable=False, depth=1))
        recorder.add("/map", text("a"), 123)
    content = yaml.safe_load((tmp_path / "bag" / "metadata.yaml").read_text())
    info = content["rosbag2_bagfile_information"]
    assert (info["version"], info["storage_identifier"]) == (8, "mcap")
    assert info["relative_file_paths"] == ["bag.mcap"] and info["message_count"] == 1
    topic = info["topics_with_message_count"][0]["topic_metadata"]
    assert topic["name"] == "/map" and topic["serialization_format"] == "cdr"
    qos = yaml.safe_load(topic["offered_qos_profiles"])[0]  # text, as Humble expects it
    # rmw's numbers: keep last, best effort, transient local
    assert (qos["history"], qos["reliability"], qos["durability"], qos["depth"]) == (1, 2, 1, 1)


def test_own_types_carry_their_definition_and_hash(tmp_path: Path) -> None:
    cdr = b"\0\1\0\0" + struct.pack("<iI", 5, 6) + struct.pack("<I", 4) + b"map\0" + (
        struct.pack("<I", 3) + b"ok\0\0" + struct.pack("<I", 1)) + b"\0\0\0\0" + struct.pack(
            "<d", 2.5)
    with McapRecorder(tmp_path / "bag") as recorder:
        recorder.add_topic("/verdicts", VERDICT, VERDICT_TEXT)
        recorder.add("/verdicts", cdr, 9)
    with AnyReader([tmp_path / "bag"]) as reader:
        connection, stamp, data = next(reader.messages())
        message = reader.deserialize(data, connection.msgtype)
    assert (stamp, data, connection.digest) == (9, cdr, type_hash(VERDICT, VERDICT_TEXT))
    assert (message.header.stamp.sec, message.header.frame_id, message.text) == (5, "map", "ok")
    assert message.values.tolist() == [2.5]


def test_a_common_type_needs_no_definition(tmp_path: Path) -> None:
    with McapRecorder(tmp_path / "bag") as recorder:
        recorder.add_topic("/chat", STRING)
        recorder.add("/chat", text("x"), 1)
    assert read(tmp_path / "bag") == [("/chat", 1, "x")]


def test_it_stops_at_its_limit_and_counts(tmp_path: Path) -> None:
    with McapRecorder(tmp_path / "bag", max_mb=0.001) as recorder:
        recorder.add_topic("/chat", STRING, "string data")
        kept = sum(recorder.add("/chat", text("x" * 89), i) for i in range(20))  # 98 bytes each
    assert kept == 10 and recorder.refused == 10 and recorder.size_mb <= 0.001
    assert len(read(tmp_path / "bag")) == 10


def test_an_empty_recording_is_whole(tmp_path: Path) -> None:
    with McapRecorder(tmp_path / "bag") as recorder:
        recorder.add_topic("/chat", STRING, "string data")
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == 0 and [c.topic for c in reader.connections] == ["/chat"]


def test_wrong_use_is_refused_and_loses_nothing(tmp_path: Path) -> None:
    recorder = McapRecorder(tmp_path / "bag")
    recorder.add_topic("/chat", STRING, "string data")
    recorder.add_topic("/chat", STRING, "string data")  # again is no error
    recorder.add("/chat", text("kept"), 1)
    for call, words in (
            (lambda: recorder.add("/other", text("x"), 1), "'/other' was not given"),
            (lambda: recorder.add("/chat", b"\0", 1), "1 bytes"),
            (lambda: recorder.add("/chat", text("x"), -1), "stamp -1"),
            (lambda: recorder.add_topic("/chat", VERDICT, VERDICT_TEXT), "cannot be demo_msgs"),
            (lambda: recorder.add_topic("chat", STRING), "begin with '/'"),
            (lambda: recorder.add_topic("/a", "String"), "package/msg/Name"),
            (lambda: recorder.add_topic("/a", "my_msgs/msg/A"), "definition_text"),
            (lambda: recorder.add_topic("/a", "my_msgs/msg/A", "nonsense ["), "my_msgs/msg/A"),
            (lambda: recorder.add_topic("/a", "my_msgs/msg/A", "my_msgs/B b"), "contained type")):
        with pytest.raises(ValueError, match=words):
            call()
    recorder.close()
    recorder.close()  # twice is no error
    with pytest.raises(RecordingError, match="closed"):
        recorder.add("/chat", text("x"), 1)
    assert read(tmp_path / "bag") == [("/chat", 1, "kept")]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "bag").mkdir()
    with pytest.raises(RecordingError, match="does not exist yet"):
        McapRecorder(tmp_path / "bag")


def test_without_the_library_the_error_says_what_to_install(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rosbags.rosbag2", None)
    with pytest.raises(RecordingError, match="pip install rosbags"):
        McapRecorder(tmp_path / "bag")


WRITER = """
import sys, time
from smolvlm_ros.recording import McapRecorder
sys.path.insert(0, {tests!r})
from test_recorder import STRING, text
recorder = McapRecorder({path!r}, flush_s=0.0)
recorder.add_topic("/chat", STRING, "string data")
for i in range(300):
    recorder.add("/chat", text(f"hello {{i}}"), 1000 + i)
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_recording_is_recovered(tmp_path: Path) -> None:
    here = Path(__file__)
    script = WRITER.format(tests=str(here.parent), path=str(tmp_path / "bag"))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(
        [str(here.parents[2]), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE,
                               env=environment)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    before = (tmp_path / "bag" / "bag.mcap").read_bytes()
    result = recover_recording(tmp_path / "bag")
    assert result.messages == 300 and result.path == tmp_path / "bag_recovered"
    assert read(result.path)[-1] == ("/chat", 1299, "hello 299")
    assert (tmp_path / "bag" / "bag.mcap").read_bytes() == before  # left as it was
    assert sorted(p.name for p in (tmp_path / "bag").iterdir()) == ["bag.mcap"]


@pytest.fixture
def chunks(tmp_path: Path) -> Path:
    """An .mcap file of ten chunks with a message each, transient local."""
    with McapRecorder(tmp_path / "bag", flush_s=0.0) as recorder:
        recorder.add_topic("/chat", STRING, "string data", qos=TopicQos(transient_local=True))
        for i in range(10):
            recorder.add("/chat", text(f"{i}"), 10 - i)  # stamps fall: a clock set back
    return tmp_path / "bag" / "bag.mcap"


def test_a_recording_cut_anywhere_keeps_its_whole_chunks(chunks: Path, tmp_path: Path) -> None:
    content = chunks.read_bytes()
    counts = []
    for number, size in enumerate(range(200, len(content), 97)):
        (tmp_path / "cut.mcap").write_bytes(content[:size])
        result = recover_recording(tmp_path / "cut.mcap", tmp_path / f"out{number}")
        assert len(read(result.path)) == result.messages
        counts.append(result.messages)
    assert counts == sorted(counts) and counts[0] == 0 and counts[-1] == 10
    with AnyReader([result.path]) as reader:
        profile = reader.connections[0].ext.offered_qos_profiles[0]
    assert profile.durability.name == "TRANSIENT_LOCAL" and profile.depth == 10


def test_zeros_at_the_end_as_after_a_power_loss(chunks: Path, tmp_path: Path) -> None:
    content = chunks.read_bytes()
    (tmp_path / "cut.mcap").write_bytes(content[:2000] + bytes(5000))
    result = recover_recording(tmp_path / "cut.mcap")
    assert result.messages > 0 and result.lost_bytes > 4000


def test_a_closed_file_that_lacks_its_metadata(chunks: Path) -> None:
    (chunks.parent / "metadata.yaml").unlink()
    result = recover_recording(chunks.parent)
    assert (result.messages, result.lost_bytes) == (10, 0)


@pytest.mark.parametrize("content", [b"", b"\x89MCAP0\r\n",
                                     b"something else, but long enough to read"])
def test_nothing_to_recover_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(content)
    with pytest.raises(RecordingError, match="nothing to recover"):
        recover_recording(tmp_path / "a.mcap")
    with pytest.raises(RecordingError, match="b.mcap does not exist"):
        recover_recording(tmp_path / "b.mcap")
    (tmp_path / "none").mkdir()
    with pytest.raises(RecordingError, match="0 .mcap files"):
        recover_recording(tmp_path / "none")


def test_definitions_are_collected_from_installed_packages(tmp_path: Path) -> None:
    for name, content in (
            ("a_msgs/msg/Top", "uint8 K=1\n# b_msgs/No no\nMid[] mids\n"
             "b_msgs/Low[3] low # c_msgs/X x\n"
                               "string<=5 s\n"),
            ("a_msgs/msg/Mid", "b_msgs/Low low\n"), ("b_msgs/msg/Low", "float64 x\n")):
        file = tmp_path / "share" / f"{name}.msg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    whole = definition_text("a_msgs/msg/Top", [tmp_path])
    assert whole.startswith("uint8 K=1") and whole.count("=" * 80 + "\nMSG: ") == 2
    assert "MSG: a_msgs/Mid\nb_msgs/Low low" in whole and whole.count("float64 x") == 1
    assert type_hash("a_msgs/msg/Top", whole).startswith("RIHS01_")
    with pytest.raises(ValueError, match="Nope.msg, needed for a_msgs/msg/Nope, is not installed"):
        definition_text("a_msgs/msg/Nope", [tmp_path])
    with pytest.raises(ValueError, match="package/msg/Name"):
        definition_text("a_msgs/srv/Top", [tmp_path])


def test_hashes_are_those_of_installed_types(monkeypatch: pytest.MonkeyPatch) -> None:
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    shares = [Path(p) / "share" for p in (*prefixes,
                                          sys.prefix) if p]
    found = [s for s in shares if (s / "sensor_msgs/msg/Image.json").exists()]
    if not found:
        pytest.skip("no installed sensor_msgs with type descriptions (Iron and later)")
    for name in ("sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo", STRING):
        described = json.loads((found[0] / f"{name}.json").read_text())
        expected = {t["type_name"]: t["hash_string"] for t in described["type_hashes"]}[name]
        assert type_hash(name, definition_text(name, [found[0].parent])) == expected
