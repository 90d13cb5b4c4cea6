"""`voicectl replay` as it is used: files of every kind, what it answers, and what it refuses."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.captures import START_NS, ethernet, opus_payloads, pcap, rtp, rtpdump, udp4
from support.command import Finished, voicectl

from voicectl import bench

TRACES = Path(bench.__file__).parent / "playout" / "traces"
STUN = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
DTLS = b"\x16\xfe\xfd" + bytes(20)


def assert_refused(finished: Finished, status: int, *expected: str) -> None:
    assert finished.status == status, finished.stderr
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: ")
    assert "hint: " in finished.stderr
    assert "Traceback" not in finished.stderr
    for text in expected:
        assert text in finished.stderr


def answer(*arguments: str | Path) -> dict[str, Any]:
    finished = voicectl("replay", *arguments, "--json")
    assert finished.status == 0, finished.stderr
    (record,) = finished.records
    assert record["schema"] == "voicectl.replay/1"
    return record


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    t = np.arange(16000 * 3) / 16000
    samples = 8000 * np.sin(2 * np.pi * 220 * t) * (1 + np.sin(2 * np.pi * 2 * t)) / 2
    path = tmp_path / "tone.wav"
    soundfile.write(path, samples.astype(np.int16), 16000)
    return path


def capture(path: Path, payloads: list[bytes]) -> Path:
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(payload))) for n, payload in enumerate(payloads)
    ]
    path.write_bytes(pcap(frames))
    return path


@pytest.fixture
def call(tmp_path: Path) -> Path:
    packets = [rtp(n, payload) for n, payload in enumerate(opus_payloads(150)) if n % 10]
    return capture(tmp_path / "call.pcap", packets)


@pytest.fixture
def encrypted(tmp_path: Path) -> Path:
    random = np.random.default_rng(1)
    packets = [rtp(n, random.bytes(90)) for n in range(150) if n % 10]
    return capture(tmp_path / "srtp.pcap", [DTLS, *packets])


def test_losses_at_the_end_that_no_receiver_can_miss_are_told(tone: Path) -> None:
    arguments = [tone, "--network", "blackout=1s,blackout-every=2s", "--strategy", "eager"]
    told = answer(*arguments, "--no-scores")["delivery"]
    assert told["packets_sent"] == 150
    assert told["packets_lost"] >= told["missing_end_ms"] / 20 > 0
    table = voicectl("replay", *arguments, "--no-scores").stdout
    assert f"150 packets  {told['packets_lost']} lost on the way" in table
    assert f"{told['missing_end_ms'] / 1000:.2f} s at the end" in table


def test_same_file_network_and_seed_give_the_same_bytes(tone: Path, tmp_path: Path) -> None:
    arguments = [tone, "--network", "wifi-spikes", "--strategy", "eager", "--seed", "7", "--json"]
    heard = [tmp_path / "a.wav", tmp_path / "b.wav"]
    one, two = (voicectl("replay", *arguments, "--output", path) for path in heard)
    assert one.status == 0, one.stderr
    first = one.records[0]
    second = two.records[0]
    assert first.pop("outputs") == [str(heard[0])]
    assert second.pop("outputs") == [str(heard[1])]
    assert json.dumps(first) == json.dumps(second)
    assert heard[0].read_bytes() == heard[1].read_bytes()
    assert len(heard[0].read_bytes()) > 48_000 * 2 * 2.9


def test_another_seed_is_another_network(tone: Path) -> None:
    runs = [
        answer(tone, "-n", "loss=20%,delay=20ms", "--seed", seed, "--no-scores")["runs"][0]
        for seed in ("1", "2")
    ]
    assert runs[0] != runs[1]


def test_strategies_are_compared_on_the_same_packets(call: Path) -> None:
    record = answer(call, "--compare", "balanced,eager", "--network", "delay=40ms,jitter=15ms")
    balanced, eager = record["runs"]
    assert [balanced["strategy"], eager["strategy"]] == ["balanced", "eager"]
    assert balanced["jitter_ms"] == eager["jitter_ms"] > 1
    assert balanced["packets_lost"] == eager["packets_lost"]
    assert eager["delay_mean_ms"] < balanced["delay_mean_ms"]
    assert eager["target_mean_ms"] is None


def test_capture_is_described_and_its_losses_are_counted(call: Path) -> None:
    record = answer(call)
    assert record["format"] == "pcap"
    assert record["stream"]["codec"] == "Opus"
    assert record["stream"]["frame_ms"] == 20
    assert record["capture"]["packets"] == 135
    assert record["capture"]["lost"] == 14
    assert record["runs"][0]["packets_lost"] == 14
    assert record["runs"][0]["quality"] is None


def test_table_fits_eighty_columns(call: Path) -> None:
    strategies = "conservative,balanced,aggressive,eager"
    finished = voicectl("replay", call.name, "--compare", strategies, cwd=call.parent)
    assert finished.status == 0, finished.stderr
    assert "135 packets  14 lost" in finished.stdout
    for name in ("delay p50", "concealed", "skipped", "late", "lost", "jitter", "aggressive"):
        assert name in finished.stdout
    assert all(len(line) <= 80 for line in finished.stdout.splitlines())


def test_rtpdump_is_played(tmp_path: Path) -> None:
    packets = [(20 * n, rtp(n, payload)) for n, payload in enumerate(opus_payloads(50))]
    path = tmp_path / "call.rtpdump"
    path.write_bytes(rtpdump(packets))
    record = answer(path)
    assert record["capture"]["packets"] == 50
    assert record["runs"][0]["heard_ms"] == pytest.approx(1000, abs=100)


def test_truncated_capture_is_played_as_far_as_it_goes(call: Path) -> None:
    call.write_bytes(call.read_bytes()[:-10])
    finished = voicectl("replay", call)
    assert finished.status == 0
    assert "134 packets" in finished.stdout
    assert "note: damaged at byte" in finished.stderr


def test_encrypted_capture_says_so_and_is_played_by_its_headers(encrypted: Path) -> None:
    assert_refused(voicectl("replay", encrypted), 5, "encrypted", "1 DTLS packet", "--headers")
    record = answer(encrypted, "--headers")
    assert record["capture"]["packets"] == 135
    run = record["runs"][0]
    assert run["packets_received"] == 135
    assert run["malformed_packets"] == 0
    assert run["concealed_ms"] + 20 * run["repaired_frames"] >= 13 * 20


def test_speech_of_our_own_goes_into_a_trace(tmp_path: Path) -> None:
    lines = (TRACES / "ge5.csv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "short.csv"
    path.write_text("\n".join(lines[:500]), encoding="utf-8")
    record = answer(path, "--strategy", "eager")
    assert record["format"] == "trace"
    quality = record["runs"][0]["quality"]
    assert quality["words"] > 5
    assert 0 <= quality["words_lost"] <= quality["words"]
    assert "the speech is voicectl's own" in record["notes"]


def test_capture_without_rtp_says_what_it_holds(tmp_path: Path) -> None:
    path = capture(tmp_path / "setup.pcap", [STUN] * 38 + [DTLS] * 3)
    finished = voicectl("replay", path)
    assert_refused(finished, 5, "holds no RTP", "41 packets: 38 STUN, 3 DTLS")


def test_snapshot_length_that_cut_off_the_payload_is_named(tmp_path: Path) -> None:
    frames = [
        (START_NS + n * 20_000_000, ethernet(udp4(rtp(n, payload)))[:58])
        for n, payload in enumerate(opus_payloads(40))
    ]
    data = bytearray(pcap(frames))
    path = tmp_path / "cut.pcap"
    path.write_bytes(data)
    assert_refused(voicectl("replay", path), 5, "snapshot length", "--headers")


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        ([], 2, "no FILE"),
        (["none.wav"], 2, "none.wav does not exist"),
        (["."], 2, ". is a directory"),
        (["notes.txt"], 5, "no kind that replay reads"),
        (["empty.pcap"], 5, "empty.pcap is empty"),
        (["tone.wav", "--network", "5g"], 2, "wifi-spikes"),
        (["tone.wav", "--network", "notes.txt"], 2, "is no trace"),
        (["tone.wav", "--network", "loss=2"], 2, "loss=2%"),
        (["tone.wav", "--compare", "balanced,quick"], 2, "`quick`"),
        (["tone.wav", "--compare", "eager,eager"], 2, "twice"),
        (["tone.wav", "--compare", "eager", "--strategy", "eager"], 2, "exclude each other"),
        (["tone.wav", "--show-netem"], 2, "--network"),
        (["tone.wav", "--network", "loss=100%"], 5, "no packet arrived"),
        (["tone.wav", "--output", "missing/out.wav"], 3, "cannot be written"),
        (["tone.wav", "--output", "."], 2, "--output . is a directory"),
        (["tone.wav", "--output", "/"], 2, "--output / is a directory"),
        (["tone.wav", "--plot", "."], 2, "--plot . is a directory"),
        (["x" * 300], 2, "File name too long"),
        (["tone.wav", "--network", "x" * 300], 2, "no network"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_hint(
    tone: Path, arguments: list[str], status: int, expected: str
) -> None:
    (tone.parent / "notes.txt").write_text("words, not packets\n")
    (tone.parent / "empty.pcap").touch()
    assert_refused(voicectl("replay", *arguments, cwd=tone.parent), status, expected)


def test_trace_with_a_bad_line_names_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("seq,send_ms,arrival_ms\n0,0,1\n1,twenty,21\n")
    assert_refused(voicectl("replay", path), 2, "line 3", "twenty")


def test_netem_line_is_printed_for_copying() -> None:
    finished = voicectl("replay", "--network", "ge5", "--show-netem", "--seed", "7")
    assert finished.status == 0
    line = finished.stdout.splitlines()[0]
    assert line == (
        "tc qdisc add dev eth0 root netem delay 30ms 5ms distribution normal "
        "loss gemodel 1.754386% 33.333333%"
    )
    assert "`seed 7`" in finished.stdout


def test_several_files_stream_one_record_each(call: Path, tone: Path, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"
    finished = voicectl("replay", call, tone, "--json", "--no-scores", "--output", out)
    assert [record["file"] for record in finished.records] == [str(call), str(tone)]
    assert sorted(path.name for path in tmp_path.glob("heard*")) == [
        "heard-call.wav",
        "heard-tone.wav",
    ]


def test_second_file_that_is_missing_is_told_before_the_first_is_replayed(tone: Path) -> None:
    finished = voicectl("replay", tone, "none.wav", "--json", cwd=tone.parent)
    assert_refused(finished, 2, "none.wav does not exist")
    assert finished.stdout == ""


def test_file_that_is_replayed_is_not_overwritten(tone: Path) -> None:
    before = tone.read_bytes()
    finished = voicectl("replay", tone, "-o", tone.name, cwd=tone.parent)
    assert_refused(finished, 2, "--output tone.wav would overwrite")
    assert tone.read_bytes() == before


def test_file_whose_name_is_no_text_is_replayed(tone: Path) -> None:
    name = tone.rename(tone.with_name(os.fsdecode(b"t\xff.wav")))
    record = answer(name, "--no-scores", "--output", tone.with_name(os.fsdecode(b"\xfe.wav")))
    assert record["file"] == str(tone.with_name("t\ufffd.wav"))
    assert os.path.getsize(os.fsencode(tone.parent) + b"/\xfe.wav") > 200_000
    assert voicectl("replay", name, "--no-scores").status == 0


def test_picture_is_drawn(call: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plot` is not installed")
    path = tmp_path / "call.png"
    record = answer(call, "--compare", "balanced,eager", "--plot", path)
    assert record["outputs"] == [str(path)]
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 800
    assert height > 500


def test_speech_is_scored_beside_what_was_said(tone: Path) -> None:
    pytest.importorskip("pystoi", reason="the extra `scores` is not installed")
    clean = answer(tone, "--strategy", "eager")["runs"][0]["quality"]
    lossy = answer(tone, "--strategy", "eager", "--network", "loss=40%,burst=8")
    assert lossy["runs"][0]["quality"]["stoi"] < clean["stoi"] - 0.05
