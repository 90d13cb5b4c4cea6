"""Requests that wait for an answer, and when to send them again (RFC 8489 §6.2)."""

import hashlib
from dataclasses import dataclass, field

from voicectl.wire.stun import Attribute, Method
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["RetransmissionSettings", "Transaction", "TransactionIds", "Transactions"]


@dataclass(frozen=True, slots=True)
class RetransmissionSettings:
    """How long a request is worth waiting for.

    Over a reliable transport nothing is sent again and `timeout_ns` alone counts. The defaults
    send at 0, 200, 600, 1400 and 3000 ms: RFC 8489 begins at 500 ms and goes on for 39.5 s, which
    no diagnosis can wait for.
    """

    initial_rto_ns: int = 200_000_000
    maximum_tries: int = 5
    timeout_ns: int = 6_200_000_000
    reliable: bool = False


@dataclass(slots=True)
class Transaction:
    """One request in flight."""

    transaction_id: bytes
    method: Method
    attributes: tuple[Attribute, ...]
    """Those of the request itself, without the ones that sign it: a retry signs anew."""
    peers: tuple[TransportAddress, ...] = ()
    raw: bytes = b""
    signed: bool = False
    challenges: int = 0
    nonces: int = 0
    tries: int = 0
    sent_ns: int = 0
    due_ns: int = 0
    gives_up_ns: int = 0
    keeps: dict[str, int] = field(default_factory=dict)
    """What the answer is read with: the lifetime asked for, the channel, the connection id."""

    def rtt_ns(self, now_ns: int) -> int | None:
        """The time since it was sent, if it was sent once."""
        return now_ns - self.sent_ns if self.tries == 1 else None


class TransactionIds:
    """96-bit ids from a seed: unpredictable to others while the seed is secret."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._count = 0

    def next(self) -> bytes:
        """An id that this seed has not given before."""
        self._count += 1
        count = self._count.to_bytes(8, "big")
        return hashlib.blake2b(count, key=self._seed[:64], digest_size=12).digest()


class Transactions:
    """The requests in flight. At most `limit`; one more pushes the oldest out."""

    def __init__(self, settings: RetransmissionSettings, *, limit: int = 256) -> None:
        self._settings = settings
        self._limit = limit
        self._waiting: dict[bytes, Transaction] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self, transaction: Transaction, now_ns: int) -> None:
        """Count the first sending and set the timers."""
        transaction.tries = 1
        transaction.sent_ns = now_ns
        transaction.gives_up_ns = now_ns + self._settings.timeout_ns
        transaction.due_ns = transaction.gives_up_ns
        if not self._settings.reliable:
            transaction.due_ns = now_ns + self._settings.initial_rto_ns
        while len(self._waiting) >= self._limit:
            self._waiting.pop(next(iter(self._waiting)))
        self._waiting[transaction.transaction_id] = transaction

    def find(self, transaction_id: bytes) -> Transaction | None:
        """The request that this id belongs to."""
        return self._waiting.get(transaction_id)

    def finish(self, transaction: Transaction) -> None:
        """Stop waiting for its answer."""
        self._waiting.pop(transaction.transaction_id, None)

    def next_timeout(self) -> int | None:
        """When `take_due` has something to give."""
        return min((min(t.due_ns, t.gives_up_ns) for t in self._waiting.values()), default=None)

    def take_due(self, now_ns: int) -> tuple[list[Transaction], list[Transaction]]:
        """Those to send again, and those given up, which are no longer waited for."""
        again: list[Transaction] = []
        over: list[Transaction] = []
        for transaction in list(self._waiting.values()):
            if transaction.gives_up_ns <= now_ns:
                del self._waiting[transaction.transaction_id]
                over.append(transaction)
            elif transaction.due_ns <= now_ns:
                self._schedule_next(transaction)
                again.append(transaction)
        return again, over

    def _schedule_next(self, transaction: Transaction) -> None:
        transaction.tries += 1
        interval_ns = self._settings.initial_rto_ns << (transaction.tries - 1)
        last = transaction.tries >= self._settings.maximum_tries
        transaction.due_ns = transaction.gives_up_ns if last else transaction.due_ns + interval_ns
