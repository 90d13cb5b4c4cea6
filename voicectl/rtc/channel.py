"""The text channel beside the audio, on an SCTP data channel."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiortc import RTCDataChannel

from voicectl.clock import Clock

__all__ = ["MessageChannel"]

MAX_PENDING_MESSAGES = 64
MAX_BUFFERED_BYTES = 1 << 20


class MessageChannel:
    """Text messages in order, whichever side opens the channel, and whenever.

    Args:
        clock: Of `opened_ns`.
        on_message: Takes each text message; binary ones are counted in `dropped`.
    """

    def __init__(self, clock: Clock, on_message: Callable[[str], None] | None) -> None:
        self._clock = clock
        self._on_message = on_message
        self._channel: RTCDataChannel | None = None
        self._pending: deque[str] = deque()
        self._closed = False
        self.opened_ns: int | None = None
        self.dropped = 0

    def adopt(self, channel: RTCDataChannel) -> None:
        """Use this channel; of several the first."""
        if self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._received)
        channel.on("open", self._opened)
        channel.on("close", self.close)
        if channel.readyState == "open":
            self._opened()

    def close(self) -> None:
        """Refuse what comes from now on."""
        self._closed = True
        self._pending.clear()

    def send(self, text: str) -> bool:
        """Send a message, or keep it until the channel opens; False when it is refused.

        Refused is what goes beyond 64 waiting messages, beyond 1 MiB unsent, beyond the peer's
        largest message, or comes after the end.
        """
        if self._closed:
            accepted = False
        elif self.opened_ns is None or self._channel is None:
            accepted = len(self._pending) < MAX_PENDING_MESSAGES
            if accepted:
                self._pending.append(text)
        else:
            accepted = self._send_now(self._channel, text)
        self.dropped += not accepted
        return accepted

    def _send_now(self, channel: RTCDataChannel, text: str) -> bool:
        if channel.readyState != "open" or channel.bufferedAmount >= MAX_BUFFERED_BYTES:
            return False
        try:
            channel.send(text)
        except ValueError:  # longer than the peer's a=max-message-size
            return False
        return True

    def _opened(self) -> None:
        self.opened_ns = self._clock.now_ns()
        if self._channel is not None:
            while self._pending:
                self.dropped += not self._send_now(self._channel, self._pending.popleft())

    def _received(self, message: str | bytes) -> None:
        if isinstance(message, str) and self._on_message is not None:
            # On its own: what it raises is not SCTP's.
            asyncio.get_running_loop().call_soon(self._on_message, message)
        else:
            self.dropped += 1
