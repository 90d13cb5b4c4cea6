"""Any bytes are a capture or a documented error, in bounded time."""

from hypothesis import given
from hypothesis import strategies as st
from support.captures import START_NS, ethernet, opus_payloads, pcap, pcapng, rtp, rtpdump, udp4

from voicectl.errors import MediaError, UsageError, WireError
from voicectl.netem.trace import is_trace, parse_trace
from voicectl.replay.rtp_search import search_dump, search_frames
from voicectl.wire.capture import Frame
from voicectl.wire.datagram import Datagram, LinkType, NotUdp, datagram_in
from voicectl.wire.multiplex import protocol_of, relayed_payload
from voicectl.wire.pcap import read_pcap
from voicectl.wire.pcapng import read_pcapng
from voicectl.wire.rtcstats import read_stats_dump
from voicectl.wire.rtpdump import read_rtpdump

_PACKETS = [
    (START_NS + 20_000_000 * n, ethernet(udp4(rtp(n, payload))))
    for n, payload in enumerate(opus_payloads(8))
]
_WHOLE = {
    "pcap": pcap(_PACKETS),
    "pcapng": pcapng(_PACKETS),
    "rtpdump": rtpdump([(20 * n, data[42:]) for n, (_, data) in enumerate(_PACKETS)]),
}


@st.composite
def damaged(draw: st.DrawFn, name: str) -> bytes:
    """A capture with bytes overwritten, taken out or missing at its end; or any bytes behind its
    first ones."""
    whole = bytearray(_WHOLE[name])
    if draw(st.booleans()):
        return bytes(whole[:32]) + draw(st.binary(max_size=200))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(whole) - 1))
        whole[at] = draw(st.integers(0, 255))
    cut = draw(st.integers(0, len(whole)))
    return bytes(whole[:cut]) + bytes(whole[cut + draw(st.integers(0, 40)) :])


@given(damaged("pcap"))
def test_damaged_pcap(data: bytes) -> None:
    try:
        capture = read_pcap(data)
    except MediaError:
        return
    assert sum(len(frame.data) for frame in capture.frames) <= len(data)
    assert all(0 <= place.offset <= len(data) for place in capture.damage)
    _use(search_frames(capture.frames))


@given(damaged("pcapng"))
def test_damaged_pcapng(data: bytes) -> None:
    try:
        capture = read_pcapng(data)
    except MediaError:
        return
    assert sum(len(frame.data) for frame in capture.frames) <= len(data)
    assert all(0 <= place.offset <= len(data) for place in capture.damage)
    _use(search_frames(capture.frames))


@given(damaged("rtpdump"))
def test_damaged_rtpdump(data: bytes) -> None:
    try:
        dump = read_rtpdump(data)
    except MediaError:
        return
    _use(search_dump(dump))


def _use(found: object) -> None:
    for stream in getattr(found, "streams", []):
        assert stream.codec_name
        assert stream.clock_rate_hz > 0
        assert stream.figures().packets == len(stream.packets)


@given(st.sampled_from(list(LinkType)), st.binary(max_size=120))
def test_any_frame_is_a_datagram_or_named(link_type: LinkType, data: bytes) -> None:
    datagram = datagram_in(Frame(0, link_type, data))
    if isinstance(datagram, NotUdp):
        assert datagram.name
    else:
        assert isinstance(datagram, Datagram)
        assert len(datagram.payload) <= len(data)
        assert str(datagram.flow)


@given(st.binary(max_size=80))
def test_any_payload_has_a_protocol(payload: bytes) -> None:
    inner = relayed_payload(payload, protocol_of(payload))
    assert inner is None or len(inner) <= len(payload)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["0", "t", "type", "11", "14", "15", "16", "PeerConnections", "stats", "values",
             "statsType", "startTime", "a-kind", "a-packetsLost", "a-packetsReceived", "a-jitter"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["g", "x", 1, 2.5, None]), _JSON, _JSON, _JSON)), _JSON)
def test_any_json_is_a_dump_or_refused(events: list[object], whole: object) -> None:
    import json

    text = "\n".join(["RTCStatsDump", "{}", *(json.dumps(event) for event in events)])
    read_stats_dump(text.encode())
    try:
        read_stats_dump(json.dumps(whole).encode())
    except MediaError:
        pass


@given(st.text(alphabet="0123456789,.-#\nseqndmarivl_ e", max_size=200))
def test_any_text_is_a_trace_or_refused(text: str) -> None:
    is_trace(text)
    try:
        trace = parse_trace(text)
    except UsageError:
        return
    assert trace.sent >= trace.lost


@given(st.binary(max_size=64))
def test_any_bytes_are_an_rtp_packet_or_refused(data: bytes) -> None:
    from voicectl._native import parse_rtp_packet

    try:
        packet = parse_rtp_packet(data)
    except WireError:
        return
    assert len(packet.payload) + 12 <= len(data)
