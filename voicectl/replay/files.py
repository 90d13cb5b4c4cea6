"""What a file is, by its bytes, and the stream in it that is to be replayed."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from voicectl._native import Resampler, is_capture
from voicectl.device.wav import decode_audio
from voicectl.errors import MediaError, UsageError
from voicectl.netem.trace import Trace, is_trace, parse_trace
from voicectl.replay.capture_stream import (
    captured_material,
    choose_stream,
    is_ssrc,
    timing_material,
)
from voicectl.replay.captured_call import captured_packets
from voicectl.replay.encoding import PAYLOAD_TYPE, clean_speech, encode
from voicectl.replay.file_bytes import FileBytes, read_file
from voicectl.replay.made_speech import trace_material
from voicectl.replay.material import SAMPLE_RATE_HZ, Material
from voicectl.replay.rtp_search import Found, search_dump, search_frames
from voicectl.replay.stats_trace import trace_of_stats
from voicectl.wire.capture import Damage
from voicectl.wire.pcap import is_pcap, read_pcap
from voicectl.wire.pcapng import is_pcapng, read_pcapng
from voicectl.wire.rtcstats import StatsDump, StatsSeries, is_stats_dump, read_stats_dump
from voicectl.wire.rtpdump import is_rtpdump, read_rtpdump

__all__ = ["Choice", "material_of", "read_trace"]

_AUDIO_MAGICS = (b"RIFF", b"RIFX", b"RF64", b"fLaC", b"OggS", b"FORM")
_SHOWN_DAMAGE = 3


@dataclass(frozen=True)
class Choice:
    """What of a file is replayed."""

    headers: bool = False
    """Only the timing of an encrypted capture, with speech of our own."""
    stream: str | None = None
    """The SSRC, where there are several."""
    seed: int = 0

    @property
    def is_made(self) -> bool:
        """Whether there is more to it than a seed."""
        return self.headers or self.stream is not None


def material_of(
    file: FileBytes,
    choice: Choice,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Material:
    """What is to be replayed of a file of any kind that `replay` knows.

    Raises:
        UsageError: The choice does not fit it.
        MediaError: It holds nothing that can be replayed; says what it holds instead.
    """
    path = file.path
    if not file.data:
        raise MediaError(f"{path} is empty", hint="capture or record it again")
    try:
        material = _recognized(file, choice, on_progress)
    except (MediaError, UsageError) as error:
        # Of a stream it says what the file holds; `decode_audio` names the file itself.
        if error.message.startswith("holds "):
            error.message = f"{path} {error.message}"
        elif str(path) not in error.message:
            error.message = f"{path}: {error.message}"
        raise
    if material is None:
        raise MediaError(
            f"{path} is of no kind that replay reads",
            hint="it reads wav, flac, captures of `talk --capture`, pcap, pcapng, rtpdump, a trace "
            "csv, rtcstats and webrtc-internals dumps",
        )
    material.notes += [f"damaged {place}" for place in file.damage]
    return material


def _recognized(
    file: FileBytes, choice: Choice, on_progress: Callable[[float], None]
) -> Material | None:
    data = file.data
    if data.startswith(_AUDIO_MAGICS):
        _refuse_choice(choice, "a recording", headers=True, stream=True)
        return _spoken(file, choice, on_progress)
    if is_pcap(data):
        capture = read_pcap(data)
        return _captured("pcap", search_frames(capture.frames), capture.damage, choice, on_progress)
    if is_pcapng(data):
        capture = read_pcapng(data)
        return _captured(
            "pcapng", search_frames(capture.frames), capture.damage, choice, on_progress
        )
    if is_capture(data):
        packets = captured_packets(data)
        material = _captured("voicecap", search_dump(packets), packets.damage, choice, on_progress)
        del material.description["flow"]  # an engine knows no addresses
        return material
    if is_rtpdump(data):
        dump = read_rtpdump(data)
        return _captured("rtpdump", search_dump(dump), dump.damage, choice, on_progress)
    if is_stats_dump(data):
        _refuse_choice(choice, "a statistics dump", headers=True)
        return _from_stats(data, choice, on_progress)
    text = _text(data)
    if text is None or not is_trace(text):
        return None
    _refuse_choice(choice, "a trace", headers=True, stream=True)
    # Where its compression breaks off, a line does.
    trace = parse_trace(text[: text.rfind("\n") + 1] if file.damage else text)
    if trace.lost == trace.sent:
        raise MediaError(
            f"of the trace's packets none arrived ({trace.sent} lost)",
            hint="there is nothing to replay",
        )
    return trace_material(trace, "trace", seed=choice.seed, on_progress=on_progress)


def read_trace(path: Path) -> Trace:
    """A trace for `--network`.

    Raises:
        UsageError: It is missing, unreadable, or none.
    """
    text = _text(read_file(path).data)
    if text is None or not is_trace(text):
        raise UsageError(
            f"{path} is no trace",
            hint="--network takes a profile, a trace csv (seq,send_ms,arrival_ms) or "
            "loss=2%,delay=40ms",
        )
    try:
        return parse_trace(text)
    except UsageError as error:
        error.message = f"{path}: {error.message}"
        raise


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None


def _spoken(file: FileBytes, choice: Choice, on_progress: Callable[[float], None]) -> Material:
    audio = decode_audio(BytesIO(file.data), file.path)
    if audio.sample_rate_hz == SAMPLE_RATE_HZ:
        pcm = audio.pcm
    else:
        pcm = Resampler(audio.sample_rate_hz, SAMPLE_RATE_HZ, quality="high").convert(audio.pcm)
    packets = encode(pcm, seed=choice.seed, on_progress=on_progress)
    first = next(packet for packet in packets if packet.timestamp is not None)
    return Material(
        format="audio",
        packets=packets,
        payload_types={PAYLOAD_TYPE: "opus"},
        frame_samples=SAMPLE_RATE_HZ // 50,
        speech=clean_speech(pcm, first),
        sent=sum(packet.timestamp is not None for packet in packets),
        description={"sample_rate_hz": audio.sample_rate_hz},
    )


def _captured(
    form: str,
    found: Found,
    damage: list[Damage],
    choice: Choice,
    on_progress: Callable[[float], None],
) -> Material:
    stream = choose_stream(found, choice.stream, needs_payload=not choice.headers)
    if choice.headers:
        material = timing_material(stream, form, seed=choice.seed, on_progress=on_progress)
    else:
        material = captured_material(stream, form)
    others = [other for other in found.streams if other is not stream]
    if others:
        listed = ", ".join(f"{o.label} ({o.codec_name}, {len(o.packets)})" for o in others[:4])
        material.notes.append(f"left out: {listed}; --stream takes one of them")
    material.notes += [f"damaged {place}" for place in damage[:_SHOWN_DAMAGE]]
    if len(damage) > _SHOWN_DAMAGE:
        material.notes.append(f"and {len(damage) - _SHOWN_DAMAGE} more damaged places")
    return material


def _refuse_choice(
    choice: Choice, kind: str, *, headers: bool = False, stream: bool = False
) -> None:
    """A flag without a meaning for this kind of file is a mistake, not a wish."""
    for flag, named in (
        ("--headers", headers and choice.headers),
        ("--stream", stream and choice.stream),
    ):
        if named:
            raise UsageError(f"{flag} does not go with {kind}", hint=f"leave {flag} out")


def _chosen_series(dump: StatsDump, wanted: str | None) -> StatsSeries:
    """The stream asked for, else the first: the longest."""
    if wanted is None:
        return dump.series[0]
    for series in dump.series:
        if is_ssrc(wanted, series.ssrc):
            return series
    labels = ", ".join(f"0x{series.ssrc:08x}" for series in dump.series[:8])
    raise UsageError(f"there is no stream `{wanted}`", hint=f"there are {labels}")


def _from_stats(data: bytes, choice: Choice, on_progress: Callable[[float], None]) -> Material:
    dump = read_stats_dump(data)
    if not dump.series:
        raise MediaError(
            f"the {dump.format} dump tells of no received audio",
            hint="take it while a call goes on, at the end that heard the trouble",
        )
    series = _chosen_series(dump, choice.stream)
    trace = trace_of_stats(series, dump, seed=choice.seed)
    if not any(packet.arrival_ns is not None for packet in trace.packets):
        raise MediaError(
            f"no packet of the {dump.format} dump's audio arrived",
            hint="there is nothing to replay; `voicectl probe` finds out why media does not flow",
        )
    material = trace_material(trace, dump.format, seed=choice.seed, on_progress=on_progress)
    material.description["ssrc"] = f"0x{series.ssrc:08x}"
    material.notes.append(
        "statistics tell how much was lost and how much it jittered, not when: that is drawn"
    )
    if len(dump.series) > 1:
        others = [f"0x{s.ssrc:08x}" for s in dump.series if s is not series]
        material.notes.append(f"left out: {', '.join(others[:4])}; --stream takes one of them")
    material.notes += trace.comments
    material.notes += [f"damaged {place}" for place in dump.damage[:_SHOWN_DAMAGE]]
    return material
