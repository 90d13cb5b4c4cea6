"""A program that answers one call and sends back what it hears, decoded and encoded anew.

Messages of its data channel are sent back too.

    python echo_endpoint.py RESULTS [--page FILE] [--relay URI --username U --password P]
        [--repair red|nack]

It prints the port of its HTTP server on 127.0.0.1: `GET /` is the page, `POST /offer` takes SDP
and gives the answer, `POST /offer?trickle` gives it at once: the caller's candidates come by
`POST /candidate` then, and each `GET /candidate` waits for one of ours (null: no more follows).
`POST /received` takes {"received": N} and tells whether that is what was
sent, `POST /recording` and `POST /result` are written to the directory RESULTS. `POST /result`
ends the call, with the endpoint's own statistics in RESULTS/endpoint.json. With `--repair` one
repair of lost packets is used both ways, and no other.
"""

import argparse
import asyncio
import json
from pathlib import Path

import numpy as np

from voicectl._native import AudioReceived, Engine, EngineEvent, EngineSettings, EngineStats
from voicectl.clock import SystemClock
from voicectl.rtc import IceCandidate, IceServer, Peer, PeerSettings
from voicectl.rtc.description import OpusParameters
from voicectl.rtc.repairs import RepairSettings

RATE_HZ = 48_000
CUSHION_MS = 100
"""Echoed audio waits this long, so that a late packet of the caller's makes no hole."""
MAX_BODY_BYTES = 1 << 26


class Endpoint:
    """One call and the pages around it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._results: Path = arguments.results
        self._page = arguments.page.read_bytes() if arguments.page else b""
        relay = (IceServer((arguments.relay,), arguments.username, arguments.password),)
        # With DTX the last packets are few: both ends can agree on how many there were.
        settings = EngineSettings(
            sink="eager",
            output_rate_hz=RATE_HZ,
            dtx=True,
            inband_fec=arguments.repair is None,
            red_frames=int(arguments.repair == "red"),
        )
        repairs = RepairSettings()
        if arguments.repair is not None:
            uses_red = arguments.repair == "red"
            repairs = RepairSettings(nack=not uses_red, red=uses_red, prefer_red=uses_red)
        self._echoes = False
        self._agreed_packets: int | None = None
        """What the peer had received when that was what had been sent."""
        self._peer = Peer(
            Engine(settings, now_ns=SystemClock().now_ns(), seed=1),
            PeerSettings(
                ice_servers=relay if arguments.relay else (),
                relay_only=bool(arguments.relay),
                opus=OpusParameters(use_inband_fec=arguments.repair is None),
                repairs=repairs,
            ),
            on_events=self._send_back,
            on_message=lambda text: self._peer.send_message(text),
        )
        self._ended = asyncio.Event()
        self._candidates = self._peer.local_candidates()
        self._trickled: list[IceCandidate] = []
        self._offered = self._answered = 0
        """Candidates that were in the descriptions."""

    async def run(self) -> None:
        """Serve until the result is there."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
        await self._ended.wait()
        await self._peer.close()

    def _send_back(self, events: list[EngineEvent]) -> None:
        for event in events:
            if isinstance(event, AudioReceived):
                if not self._echoes:
                    self._echoes = True
                    cushion = np.zeros(RATE_HZ * CUSHION_MS // 1000, np.int16)
                    self._peer.queue_audio(cushion, RATE_HZ)
                self._peer.queue_audio(event.pcm, RATE_HZ)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, path, _ = (await reader.readline()).decode().split(" ", 2)
        length = 0
        while (line := (await reader.readline()).decode().strip()) != "":
            name, _, value = line.partition(":")
            if name.lower() == "content-length":
                length = min(int(value), MAX_BODY_BYTES)
        body = await reader.readexactly(length)
        kind, answer = await self._answer(method, path, body)
        status = "200 OK" if answer is not None else "404 Not Found"
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n"
        answer = answer or b""
        writer.write(f"{head}Content-Length: {len(answer)}\r\n\r\n".encode() + answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        if path == "/result":
            self._ended.set()

    async def _answer(self, method: str, path: str, body: bytes) -> tuple[str, bytes | None]:
        match method, path:
            case "GET", _ if path.partition("?")[0] == "/":
                return "text/html", self._page
            case "POST", "/offer":
                return "application/sdp", (await self._peer.accept_offer(body.decode())).encode()
            case "POST", "/offer?trickle":
                offer = body.decode()
                answer = await self._peer.accept_offer(offer, trickle=True)
                self._offered, self._answered = (
                    sdp.count("a=candidate:") for sdp in (offer, answer)
                )
                return "application/sdp", answer.encode()
            case "POST", "/candidate":
                init = json.loads(body)
                mid, fragment = init.get("sdpMid"), init.get("usernameFragment")
                theirs = IceCandidate(init["candidate"], mid, fragment)
                self._trickled.append(theirs)
                await self._peer.add_remote_candidate(theirs)
                return "text/plain", b"ok"
            case "GET", "/candidate":
                return "application/json", json.dumps(await self._next_candidate()).encode()
            case "POST", "/received":
                outbound = self._peer.stats().outbound
                sent = outbound.packets_sent if outbound else None
                equal = json.loads(body)["received"] == sent
                self._agreed_packets = sent if equal else None
                return "application/json", json.dumps({"equal": equal, "sent": sent}).encode()
            case "POST", "/recording":
                (self._results / "recording").write_bytes(body)
                return "text/plain", b"ok"
            case "POST", "/result":
                self._write_result(json.loads(body))
                return "text/plain", b"ok"
        return "text/plain", None

    async def _next_candidate(self) -> dict[str, str | None] | None:
        ours = await anext(self._candidates, None)
        if ours is None or not ours.candidate:
            return None
        self._trickled.append(ours)
        fragment = ours.username_fragment
        return {"candidate": ours.candidate, "sdpMid": ours.mid, "usernameFragment": fragment}

    def _write_result(self, peer: dict[str, object]) -> None:
        stats, transport = self._peer.stats(), self._peer.transport_stats()
        inbound, outbound = stats.inbound, stats.outbound
        pair = transport.nominated_pair
        result = {
            "peer": peer,
            "offered_candidates": self._offered,
            "answered_candidates": self._answered,
            "trickled_candidates": [each.candidate for each in self._trickled],
            "refused_candidates": transport.refused_candidates,
            "packets_received": inbound.packets_received if inbound else 0,
            "packets_lost": inbound.packets_lost if inbound else 0,
            "packets_sent": outbound.packets_sent if outbound else 0,
            "agreed_packets": self._agreed_packets,
            "fec_packets_received": inbound.fec_packets_received if inbound else 0,
            "nacks_sent": inbound.nack_count if inbound else 0,
            "retransmitted_packets_received": (
                inbound.retransmitted_packets_received if inbound else 0
            ),
            "nacks_received": outbound.nack_count if outbound else 0,
            "retransmitted_packets_sent": outbound.retransmitted_packets_sent if outbound else 0,
            "transport_feedback": feedback_counters(stats),
            "starved_frames": stats.drops.starved_frames,
            "concealed_samples": inbound.concealed_samples if inbound else 0,
            "drops": {n: getattr(stats.drops, n) for n in dir(stats.drops) if n[0] != "_"},
            "dropped": repr(transport.dropped),
            "on_media_thread": transport.on_media_thread,
            "local": [pair.local_type, pair.local_address] if pair else None,
            "remote": [pair.remote_type, pair.remote_address] if pair else None,
            "max_lateness_ms": transport.max_lateness_ns / 1e6,
        }
        (self._results / "endpoint.json").write_text(json.dumps(result))


def feedback_counters(stats: EngineStats) -> dict[str, int] | None:
    """What both ends told of each other's packets."""
    told = stats.transport_feedback
    if told is None:
        return None
    return {name: getattr(told, name) for name in dir(told) if name[0] != "_"}


def main() -> None:
    """Answer one call."""
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--relay")
    parser.add_argument("--username")
    parser.add_argument("--password")
    parser.add_argument("--repair", choices=["red", "nack"])
    arguments = parser.parse_args()

    async def run() -> None:
        await Endpoint(arguments).run()

    asyncio.run(run())


if __name__ == "__main__":
    main()
