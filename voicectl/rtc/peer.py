"""One end of a call: an asyncio shell around aiortc's connection and a sans-IO engine."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import TracebackType
from typing import Literal, Self

import numpy as np
from aiortc import RTCDataChannel, RTCSessionDescription
from aiortc.exceptions import InvalidStateError, OperationError
from numpy.typing import NDArray

from voicectl._native import ClearedAudio, Engine, EngineEvent, EngineStats
from voicectl.clock import Clock, SystemClock
from voicectl.errors import AdmissionError, ConnectError, UsageError, WireError
from voicectl.rtc._aiortc_private import EnginePeerConnection
from voicectl.rtc.admission import Place
from voicectl.rtc.aiortc_descriptions import SDP_FAILURES
from voicectl.rtc.bridging import BridgeEnd, join, leave, part
from voicectl.rtc.candidate_exchange import CandidateExchange
from voicectl.rtc.candidates import IceCandidate
from voicectl.rtc.channel import MessageChannel
from voicectl.rtc.description import OpusParameters, read_remote
from voicectl.rtc.driver import EngineDriver
from voicectl.rtc.media_thread import CarriedCall, carry
from voicectl.rtc.negotiation import Negotiation
from voicectl.rtc.settings import PeerSettings, to_configuration
from voicectl.rtc.stats import CloseReason, DatagramCounters, PeerTimings, TransportStats

__all__ = ["Peer"]

CLOSE_TIMEOUT_S = 2.0


class Peer:
    """One end of a call.

    The caller awaits `create_offer` and `accept_answer`, the agent `accept_offer`, both then
    `connected`. Audio and messages may be queued from the start. Make one on a running event
    loop and leave it with `close`, or use it as an async context manager.

    Callbacks run on the event loop, one at a time, and must not block it. What one raises goes to
    the loop's exception handler; the call goes on.

    Args:
        engine: The audio path, made at `clock`'s present; the peer drives it from the offer on.
        settings: How to connect.
        on_events: Takes the engine's events in batches.
        on_message: Takes each text message of the data channel.
        on_closed: Called once, when the connection has ended.
        before_tick: Called before the engine takes its next audio. A call that has it stays on
            the event loop: a native thread would not wait for Python.
        clock: Of the engine and of `timings`.

    Raises:
        UsageError: An ICE server's URI is malformed.
    """

    def __init__(
        self,
        engine: Engine,
        settings: PeerSettings | None = None,
        *,
        on_events: Callable[[list[EngineEvent]], None] | None = None,
        on_message: Callable[[str], None] | None = None,
        on_closed: Callable[[CloseReason], None] | None = None,
        before_tick: Callable[[], None] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._engine = engine
        self._settings = settings or PeerSettings()
        self._on_closed = on_closed
        self._driver = EngineDriver(
            engine,
            clock=self._clock,
            send=self._send_packet,
            deliver=on_events or (lambda events: None),
            before_tick=before_tick,
            on_fault=lambda: self._begin_close(CloseReason.ENGINE_FAILED),
        )
        self._connection = EnginePeerConnection(
            to_configuration(self._settings), self._driver, self._settings.host_addresses
        )
        self._connection.on("connectionstatechange", self._connection_state_changed)
        self._connection.on("iceconnectionstatechange", self._ice_state_changed)
        self._connection.on("datachannel", self._channel_offered)
        self._connection.on("icegatheringstatechange", self._gathering_state_changed)
        self._negotiation = Negotiation(self._settings, self._driver)
        self._candidates = CandidateExchange(self._connection, self._settings)
        self._place = Place()
        self._carried: CarriedCall | None = None
        self._bridge = BridgeEnd(engine, self._driver, self._clock)
        self._messages = MessageChannel(self._clock, on_message)
        self._settled = asyncio.Event()
        self._close_begun = asyncio.Event()
        self._close_task: asyncio.Task[None] | None = None
        self._timings = PeerTimings(created_ns=self._clock.now_ns())
        self._has_offered = False
        self._has_remote = False
        self.close_reason: CloseReason | None = None

    # Signaling

    async def create_offer(self, *, trickle: bool = False) -> str:
        """The SDP offer of a call with audio both ways.

        It waits up to `gathering_wait_ms` for the ICE servers, and says whether more candidates
        follow. What they give later still makes pairs: the peer learns those addresses from our
        checks.

        Args:
            trickle: Give the offer at once, for a signaling that takes `local_candidates` to the
                peer, and the peer is known to take them.

        Raises:
            ConnectError: There is no candidate to offer, or the peer is closed.
            UsageError: It has a description already; the call goes on.
        """
        self._require_first()
        self._start()
        self._has_offered = True
        self._connection.addTransceiver("audio")
        if (label := self._settings.data_channel) is not None:
            self._messages.adopt(self._connection.createDataChannel(label, ordered=True))
        return await self._apply_local(await self._connection.createOffer(), trickle=trickle)

    async def accept_offer(self, sdp: str, *, trickle: bool = False) -> str:
        """The SDP answer to an offer.

        Args:
            sdp: The offer.
            trickle: As in `create_offer`. Offers need not say `a=ice-options:trickle` (RFC 8838
                §3) for it: of those that take candidates on their own, Pion's do not.

        Raises:
            WireError: The offer is malformed.
            ConnectError: There is neither Opus nor G.711 in it, no candidate of ours, or the peer
                is closed.
            UsageError: There is a description already. Calls are not negotiated anew: no ICE
                restart, no hold, no other codec. The call goes on as it was.
            AdmissionError: The media thread has no time for another call; the peer is closed. An
                offer that is accepted keeps its place until the call is connected or closed: close
                those that `connected` gives up.
        """
        self._require_first()
        self._admit()
        with self._place:
            self._start()
            await self._apply_remote(sdp, "offer")
            answer = await self._apply_local(await self._connection.createAnswer(), trickle=trickle)
        self._timings.signaling_done_ns = self._clock.now_ns()
        return answer

    async def accept_answer(self, sdp: str) -> None:
        """Connect to the peer that has answered our offer.

        Raises:
            WireError: The answer is malformed or does not match the offer.
            ConnectError: There is neither Opus nor G.711 in it, or the peer is closed.
            UsageError: No offer waits for an answer; the call goes on.
        """
        self._require_open()
        if not self._has_offered or self._has_remote:
            what = "a second answer" if self._has_offered else "an answer to no offer"
            raise UsageError(what, hint="a call has one offer and one answer to it")
        if self._wants_thread:
            self._place.take()  # nobody asks whether to make a call, but it leaves room for fewer
        with self._place:
            await self._apply_remote(sdp, "answer")
        self._timings.signaling_done_ns = self._clock.now_ns()

    async def local_candidates(self) -> AsyncIterator[IceCandidate]:
        """What is gathered after our description, as it comes, and then end-of-candidates.

        Nothing when the description has said that no more follows. It stops when the peer closes.

        Raises:
            ConnectError: There is no description yet.
        """
        async for candidate in self._candidates.local():
            yield candidate

    async def add_remote_candidate(self, candidate: IceCandidate) -> None:
        """Take a candidate of the peer's, or its end-of-candidates, apart from its description.

        It may come before the description. One that must not be tried, or comes after the end or
        after `close`, is counted in `TransportStats.refused_candidates`.

        Raises:
            WireError: It does not parse.
        """
        await self._candidates.take(candidate)

    async def connected(self, timeout_s: float) -> None:
        """Wait until ICE and DTLS are connected; audio flows from then on.

        Raises:
            ConnectError: The connection failed, was closed, or took longer than `timeout_s`.
                A timeout leaves the peer as it is.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        except TimeoutError:
            raise self._connect_error(f"no connection after {timeout_s:g} s") from None
        self._require_open()

    # Audio and messages

    def queue_audio(self, pcm: NDArray[np.int16], sample_rate_hz: int) -> int:
        """Queue mono PCM to be sent; returns the samples accepted (the queue is bounded)."""
        accepted = self._engine.queue_audio(pcm, sample_rate_hz)
        self._driver.drain()
        return accepted

    def finish_audio(self) -> None:
        """End an utterance, so that its last partial frame is sent."""
        self._engine.finish_audio()
        self._driver.drain()

    def clear_audio(self) -> ClearedAudio:
        """Drop what is queued, for barge-in; returns what was sent and what was dropped."""
        cleared = self._engine.clear_audio(self._clock.now_ns())
        self._driver.drain()
        return cleared

    def bridge_to(self, other: Self | None, *, decoded: bool = True) -> None:
        """Send `other` what this call receives, instead of telling it as `AudioReceived`.

        No Python runs for it where media threads carry both calls. Two calls that hear each other
        are bridged each to the other; one that is bridged to itself is an echo. It ends with
        either call, or when another one is bridged to `other`; all other events come as before.

        Args:
            other: None: nobody, its audio is told again.
            decoded: As audio, encoded anew: between any codecs, and what is lost is concealed. The
                sink `playout` takes the network's jitter out; with `eager` 40 ms wait for it. Else
                packets go on as they came, keys among them, under the other call's own numbers, as
                long as both have the same codec: that takes the sink `eager` and no sent tap.

        Raises:
            ConnectError: One of the two is not connected.
            UsageError: Their engines' settings do not allow it.
        """
        if other is None:
            part(self.bridge_end)
        else:
            join(self.bridge_end, other.bridge_end, "audio" if decoded else "packets")

    @property
    def bridge_end(self) -> BridgeEnd:
        """The call's part in bridges.

        Raises:
            ConnectError: It is not connected.
        """
        self._require_open()
        if not self._settled.is_set():
            raise self._connect_error("a call is bridged once it is connected")
        return self._bridge

    def send_digits(self, digits: str, *, duration_ms: int = 100, volume_dbm0: int = -10) -> int:
        """Press keys of a telephone (DTMF); see `_native.Engine.send_digits`.

        Raises:
            UsageError: There is no such key, duration or volume.
        """
        accepted = self._engine.send_digits(
            digits, duration_ms=duration_ms, volume_dbm0=volume_dbm0
        )
        self._driver.drain()
        return accepted

    def send_message(self, text: str) -> bool:
        """Send a text message, or keep it until the channel opens; False when it is refused."""
        return self._messages.send(text)

    # State

    @property
    def timings(self) -> PeerTimings:
        """When each step of the connection was reached."""
        return replace(
            self._timings,
            channel_open_ns=self._messages.opened_ns,
            first_packet_sent_ns=self._driver.first_packet_sent_ns,
            first_packet_received_ns=self._driver.first_packet_received_ns,
        )

    @property
    def remote_opus(self) -> OpusParameters | None:
        """What the peer asks to receive, once its description is known."""
        return self._negotiation.remote_opus

    def stats(self) -> EngineStats:
        """The engine's statistics of the audio."""
        return self._engine.stats()

    def transport_stats(self) -> TransportStats:
        """Statistics of the connection beneath the audio."""
        dtls = self._connection.dtls_transport
        dropped = replace(dtls.connection.counters) if dtls else DatagramCounters()
        if self._carried is not None:
            carried = self._carried.stats()
            dropped.unknown_source += carried.unknown_source
            dropped.overflowed += carried.overflowed
            dropped.unsent += carried.unsent
        return TransportStats(
            nominated_pair=dtls.connection.nominated_pair if dtls else None,
            dropped=dropped,
            refused_candidates=self._candidates.refused,
            on_media_thread=self._carried is not None,
            messages_dropped=self._messages.dropped,
            max_lateness_ns=self._driver.max_lateness_ns,
        )

    # The end

    async def close(self) -> None:
        """Say goodbye (RTCP BYE, SCTP ABORT, DTLS close_notify) and let go of the sockets.

        Ends within 2 s whatever the network does. May be called again, and by several tasks.
        """
        self._begin_close(CloseReason.LOCAL)
        await self.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection has ended, from whichever side; see `close_reason`."""
        await self._close_begun.wait()
        if self._close_task is not None:
            await asyncio.shield(self._close_task)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _begin_close(self, reason: CloseReason) -> None:
        if self._close_task is not None:
            return
        self.close_reason = reason
        self._place.release()
        self._messages.close()
        self._candidates.close()
        self._settled.set()
        self._close_task = asyncio.create_task(self._close_connection(reason))
        self._close_begun.set()
        try:
            leave(self._bridge)
            if not self._driver.is_broken:
                self._engine.stop(self._clock.now_ns())
        finally:
            self._driver.stop()

    async def _close_connection(self, reason: CloseReason) -> None:
        closing = asyncio.ensure_future(self._connection.close())
        _, pending = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
        if pending or closing.exception():
            self._connection.abort()
        if self._on_closed is not None:
            # On its own: what it raises is not of whoever closes or waits for the end.
            asyncio.get_running_loop().call_soon(self._on_closed, reason)
        if pending:
            closing.cancel()
        else:
            closing.result()

    # aiortc's side

    def _start(self) -> None:
        self._require_open()
        self._driver.start()

    def _admit(self) -> None:
        """Refuse one call too many, before it has cost anything."""
        if not self._wants_thread:
            return
        try:
            self._place.ask(self._settings.max_thread_load)
        except AdmissionError:
            self._begin_close(CloseReason.LOCAL)
            raise

    @property
    def _wants_thread(self) -> bool:
        """Whether the media is to go to a native thread, if one can carry it."""
        settings = self._settings
        has_real_parts = isinstance(self._engine, Engine) and isinstance(self._clock, SystemClock)
        can_be_direct = settings.media_thread and not settings.relay_only
        return has_real_parts and can_be_direct and not self._driver.asks_before_tick

    def _require_first(self) -> None:
        """Refuse to negotiate anew: the engine would learn what the connection does not do."""
        self._require_open()
        if self._has_offered or self._has_remote:
            raise UsageError(
                "a second offer: a call is negotiated once",
                hint="end the call, and make another one",
            )

    def _require_open(self) -> None:
        if self.close_reason is not None:
            raise self._connect_error(self.close_reason.value)

    async def _apply_local(self, description: RTCSessionDescription, *, trickle: bool) -> str:
        sdp = self._negotiation.describe(description.sdp)
        if not trickle:
            self._candidates.wait_for_servers()
        await self._connection.setLocalDescription(RTCSessionDescription(sdp, description.type))
        self._require_open()
        return self._negotiation.finish(self._candidates.describe_local())

    async def _apply_remote(self, sdp: str, kind: Literal["offer", "answer"]) -> None:
        association = self._connection.sctp if kind == "answer" else None
        offered_data = association.mid if association is not None else None
        remote = read_remote(sdp, kind, offered_data=offered_data)
        self._has_remote = True
        self._negotiation.take_remote(remote)
        try:
            await self._connection.setRemoteDescription(
                RTCSessionDescription(remote.taken.sdp, kind)
            )
        except (*SDP_FAILURES, OperationError, InvalidStateError) as error:
            self._has_remote = False
            self._require_open()
            raise WireError(f"the {kind} cannot be applied", detail=repr(error)) from error
        if association is not None and not remote.taken.has_data:
            self._connection.leave_data_out()
            self._messages.close()
        await self._candidates.describe_remote(remote.transport)
        self._require_open()

    def _send_packet(self, packet: bytes) -> bool:
        dtls = self._connection.dtls_transport
        return dtls is not None and dtls.send_now(packet)

    def _channel_offered(self, channel: RTCDataChannel) -> None:
        if channel.label == self._settings.data_channel:
            self._messages.adopt(channel)
        else:
            channel.close()

    def _gathering_state_changed(self) -> None:
        """End a call without candidates: it has no way to connect."""
        if self._candidates.has_nothing_to_offer:
            self._begin_close(CloseReason.ICE_FAILED)

    def _ice_state_changed(self) -> None:
        if self._connection.iceConnectionState == "completed":
            self._timings.ice_connected_ns = self._clock.now_ns()

    def _connection_state_changed(self) -> None:
        state = self._connection.connectionState
        if self.close_reason is not None:
            return  # DTLS may still end well while we close: then it is nobody's call any more
        if state == "connected":
            self._timings.dtls_connected_ns = self._clock.now_ns()
            self._hand_over()
            self._place.release()
            self._settled.set()
        elif state in ("failed", "closed"):
            self._begin_close(self._lost_reason())

    def _hand_over(self) -> None:
        """Let a native thread carry the media, where one can."""
        dtls = self._connection.dtls_transport
        if dtls is None or not self._wants_thread:
            return
        self._carried = carry(
            self._engine,
            dtls.connection,
            on_events=self._driver.deliver_events,
            on_failure=self._driver.break_down,
            audio_interval_ms=self._settings.audio_interval_ms,
        )
        if self._carried is not None:
            self._driver.hand_over(self._carried)
            self._bridge.carried = self._carried

    def _lost_reason(self) -> CloseReason:
        """Why aiortc gave the connection up."""
        dtls = self._connection.dtls_transport
        if dtls is not None and dtls.connection.consent_expired:
            return CloseReason.CONSENT_EXPIRED
        if self._timings.dtls_connected_ns is not None:
            return CloseReason.REMOTE
        if self._connection.iceConnectionState == "failed":
            return CloseReason.ICE_FAILED
        return CloseReason.DTLS_FAILED

    def _connect_error(self, message: str) -> ConnectError:
        """An error that says which step was not reached."""
        if self._timings.signaling_done_ns is None:
            step, hint = "signaling", "is the peer running, and does it answer offers?"
        elif self._timings.ice_connected_ns is None:
            step, hint = "ICE", "a firewall or NAT is in between: try a TURN server, or the probe"
        elif self._timings.dtls_connected_ns is None:
            step, hint = "DTLS", "the peer's fingerprint does not match, or a middlebox drops DTLS"
        else:
            return ConnectError(message)
        return ConnectError(message, detail=f"step not done: {step}", hint=hint)
