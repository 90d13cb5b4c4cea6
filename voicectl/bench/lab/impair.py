"""A line with faults: two TUN devices in two namespaces, and what happens between them.

python -m voicectl.bench.lab.impair NS_A DEVICE_A NS_B DEVICE_B [--delay MS] …
"""

import argparse
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct

from voicectl.clock import SystemClock

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x1001
_LIBC = ctypes.CDLL("libc.so.6", use_errno=True)


def _enter(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    if _LIBC.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)


def _open_tun(namespace: str, device: str) -> int:
    _enter(f"/var/run/netns/{namespace}")
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN_NO_PI))
    return descriptor


def _now() -> float:
    return SystemClock().now_ns() / 1e9


class Line:
    """One direction: when a packet that enters now comes out, or never."""

    def __init__(self, options: argparse.Namespace, rng: random.Random) -> None:
        self.options = options
        self.rng = rng
        self.free_at = 0.0

    def leaves_at(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes leaves; times in seconds."""
        options = self.options
        if options.mtu_drop and size > options.mtu_drop:
            return None
        if self.rng.random() * 100 < options.loss:
            return None
        at = now
        if options.rate:
            begins = max(now, self.free_at)
            if (begins - now) * 1000 > options.queue:
                return None
            at = self.free_at = begins + size * 8 / (options.rate * 1000)
        spread = self.rng.uniform(-options.jitter, options.jitter)
        delay_ms: float = max(0.0, options.delay + spread)
        return at + delay_ms / 1000


def _carry(first: int, second: int, options: argparse.Namespace) -> None:
    rng = random.Random(options.seed)
    lines = {first: Line(options, rng), second: Line(options, rng)}
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        now = _now()
        while waiting and waiting[0][0] <= now:
            _, _, out, packet = heapq.heappop(waiting)
            try:
                os.write(out, packet)
            except OSError:
                pass  # the far namespace is going away
        timeout = max(0.0, waiting[0][0] - _now()) if waiting else 1.0
        readable, _, _ = select.select([first, second], [], [], timeout)
        for descriptor in readable:
            for _ in range(64):
                try:
                    packet = os.read(descriptor, 65_535)
                except BlockingIOError:
                    break
                at = lines[descriptor].leaves_at(len(packet), _now())
                if at is not None:
                    count += 1
                    out = second if descriptor == first else first
                    heapq.heappush(waiting, (at, count, out, packet))


def main() -> None:
    """Carry packets until the process is ended."""
    parser = argparse.ArgumentParser()
    for each in ("namespace_a", "device_a", "namespace_b", "device_b"):
        parser.add_argument(each)
    for flag, default in (("delay", 0.0), ("jitter", 0.0), ("loss", 0.0), ("rate", 0.0)):
        parser.add_argument(f"--{flag}", type=float, default=default)
    parser.add_argument("--queue", type=float, default=1000.0, help="ms that the queue holds")
    parser.add_argument("--mtu-drop", type=int, default=0, help="swallow larger IP packets")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    first = _open_tun(options.namespace_a, options.device_a)
    second = _open_tun(options.namespace_b, options.device_b)
    _carry(first, second, options)


if __name__ == "__main__":
    main()
