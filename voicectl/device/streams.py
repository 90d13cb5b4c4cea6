"""A microphone and a speaker on the call's clock.

Latency, 10 ms blocks at 48 kHz: a microphone adds its block (10 ms), the buffer's headroom (5 ms
when calm), the resampler (0.4 ms) and a head start of the reader (5 ms). A speaker adds the
headroom, the resampler and what its driver buffers (three blocks, 30 ms, where it buffers at all).
"""

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voicectl.clock import Clock, SystemClock
from voicectl.device import _miniaudio_private as driver
from voicectl.device.catalog import Catalog, Device, Direction, choose_device, list_devices
from voicectl.device.drift import DriftEstimator
from voicectl.device.elastic import ElasticBuffer
from voicectl.device.events import DeviceEvent, DeviceLost, DeviceReplaced
from voicectl.device.level import LevelMeter
from voicectl.device.watch import DeviceWatch
from voicectl.errors import SetupError
from voicectl.units import NS_PER_S

__all__ = ["SAMPLE_RATE_HZ", "MicrophoneStream", "SpeakerStream", "StreamStats"]

SAMPLE_RATE_HZ = 48000

_HEAD_START_SAMPLES = SAMPLE_RATE_HZ * 5 // 1000
_FIRST_BLOCK_S = 3
_MOST_DUE_SAMPLES = SAMPLE_RATE_HZ


@dataclass(frozen=True)
class StreamStats:
    """One direction, since its start."""

    device: str
    backend: str
    drift_ppm: float | None
    """By how much the device runs faster than the call's clock; None in its first 10 s."""
    correction_ppm: float
    """What is added to the drift at present, to bring the buffer to its target."""
    buffered_ms: float
    device_samples: int
    """What the device has delivered or asked for."""
    underrun_samples: int
    dropped_samples: int


class _Stream(ABC):
    """One device, the buffer between it and the call, and the watch over it.

    The device's thread touches `_buffer` and `_drift` under `_lock`, `_last_block_ns`, and through
    `call_soon_threadsafe` nothing else; all other state belongs to the event loop.
    """

    _direction: Direction

    def __init__(
        self,
        device: Device | None = None,
        *,
        on_event: Callable[[DeviceEvent], None],
        backend: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._chosen = device
        self._on_event = on_event
        self._backend = backend
        self._clock = clock or SystemClock()
        self._meter = LevelMeter(SAMPLE_RATE_HZ)
        self._watch = DeviceWatch()
        self._lock = threading.Lock()
        self._buffer = ElasticBuffer(SAMPLE_RATE_HZ)
        self._drift = DriftEstimator(SAMPLE_RATE_HZ)
        self._device_samples = 0
        self._last_block_ns: int | None = None
        self._open: driver.OpenDevice | None = None
        self._backend_name = ""
        self._name = ""
        self._loss_told = False
        self._woken = asyncio.Event()
        self._running = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None
        self.muted = False
        """A muted microphone reads as silence, a muted speaker plays silence."""

    @property
    def device_name(self) -> str:
        """The device in use, or the last one that was."""
        return self._name

    def stats(self) -> StreamStats:
        """How the stream does."""
        with self._lock:
            return StreamStats(
                self._name,
                self._backend_name,
                self._drift.ppm,
                self._buffer.correction_ppm,
                self._buffer.delay_ms,
                self._device_samples,
                self._buffer.stats.underrun_samples,
                self._buffer.stats.dropped_samples,
            )

    async def start(self) -> None:
        """Open the device, wait for its first block, and watch over it from then on.

        A device that opens and then says nothing is found out by the watch, not here.

        Raises:
            SetupError: there is none, it is busy, or it cannot be opened.
        """
        self._loop = asyncio.get_running_loop()
        await self._open_device(self._chosen)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_BLOCK_S):
                await self._running.wait()
        self._supervisor = asyncio.create_task(self._supervise(), name=f"{self._direction} watch")

    async def close(self) -> None:
        """Stop the device; no event follows."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait((self._supervisor,))
            self._supervisor = None
        await self._close_device()

    async def _open_device(self, device: Device | None) -> None:
        """Open `device`, or the system's default, which the system may then exchange itself."""
        if device is None:
            catalog: Catalog = await asyncio.to_thread(list_devices, self._backend)
            name, raw_id = choose_device(catalog, self._direction, None).name, None
        else:
            name, raw_id = device.name, device.raw_id
        with self._lock:
            self._buffer.reset()
            self._drift = DriftEstimator(SAMPLE_RATE_HZ)
        self._last_block_ns = None
        try:
            self._open = await asyncio.to_thread(self._open_driver, raw_id)
        except driver.DriverError as error:
            raise _open_error(self._direction, name, error) from error
        self._name = name
        self._backend_name = self._open.backend
        self._watch.handle_opened(self._clock.now_ns())

    def _open_driver(self, raw_id: bytes | None) -> driver.OpenDevice:
        callback = self._callback()
        next(callback)
        return driver.open_device(
            raw_id,
            callback,
            self._handle_stopped,
            capture=self._direction is Direction.INPUT,
            sample_rate_hz=SAMPLE_RATE_HZ,
            backend=self._backend,
        )

    async def _close_device(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            await asyncio.to_thread(opened.close)

    def _handle_stopped(self) -> None:
        """In a thread of the driver's."""
        self._loop.call_soon_threadsafe(self._lose_device)

    def _lose_device(self) -> None:
        self._watch.handle_stopped(self._clock.now_ns())
        self._woken.set()

    async def _supervise(self) -> None:
        while True:
            self._woken.clear()
            now_ns = self._clock.now_ns()
            if self._last_block_ns is not None:
                self._watch.handle_block(self._last_block_ns)
            self._watch.handle_timeout(now_ns)
            if self._watch.poll_open(now_ns):
                await self._replace_device()
                continue
            wait_s = max(self._watch.next_timeout() - now_ns, 0) / NS_PER_S
            try:
                async with asyncio.timeout(wait_s):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _replace_device(self) -> None:
        lost = self._name
        await self._close_device()
        try:
            await self._open_replacement()
        except SetupError as error:
            self._watch.handle_open_failed(self._clock.now_ns())
            if not self._loss_told:
                self._loss_told = True
                self._on_event(DeviceLost(self._direction, lost, error.message))
            return
        self._loss_told = False
        self._on_event(DeviceReplaced(self._direction, lost, self._name))

    async def _open_replacement(self) -> None:
        """Open the chosen device if it is still there, else the default."""
        if self._chosen is not None:
            catalog = await asyncio.to_thread(list_devices, self._backend)
            if any(device.id == self._chosen.id for device in catalog.devices(self._direction)):
                with contextlib.suppress(SetupError):
                    return await self._open_device(self._chosen)
        await self._open_device(None)

    def _handle_device_block(self, samples: int, now_ns: int) -> None:
        """In the device's thread, under the lock."""
        if self._last_block_ns is None:
            self._loop.call_soon_threadsafe(self._running.set)
        self._last_block_ns = now_ns
        self._device_samples += samples
        self._drift.handle_block(samples, now_ns)

    def _measure(self, pcm: NDArray[np.int16]) -> None:
        for event in self._meter.process(pcm):
            self._on_event(event)

    @abstractmethod
    def _callback(self) -> Generator[bytes, Any, None]:
        """What `open_device` runs in the device's thread."""


class MicrophoneStream(_Stream):
    """What a microphone hears, at 48 kHz mono, as many samples as the call's clock says.

    The card's clock drifts from the call's: the difference is resampled away, so what is read
    neither runs dry nor piles up in a call of any length. While there is no device it reads
    silence.

    Args:
        device: Of `choose_device`; None is the system's default.
        on_event: Called on the event loop with `LevelMeasured` (20 a second), `ClippingDetected`,
            `SilenceDetected`, `DeviceLost` and `DeviceReplaced`.
        backend: Name of a miniaudio backend, for tests: `"null"`.
        clock: The call's.
    """

    _direction = Direction.INPUT

    _origin_ns: int | None = None
    _delivered_samples = 0

    def read_available(self) -> NDArray[np.int16]:
        """What has become due since the last call, shape (samples,), 48 samples a millisecond.

        The first call returns 5 ms: what follows may come that late without the reader of this
        stream running dry. After a pause of more than a second, one second is returned.
        """
        now_ns = self._clock.now_ns()
        if self._origin_ns is None:
            self._origin_ns = now_ns
        position = (now_ns - self._origin_ns) * SAMPLE_RATE_HZ // NS_PER_S + _HEAD_START_SAMPLES
        due = min(position - self._delivered_samples, _MOST_DUE_SAMPLES)
        self._delivered_samples = position
        with self._lock:
            if self._watch.lost:
                pcm = np.zeros(due, np.int16)
            else:
                pcm = self._buffer.read(due, now_ns, self._drift.ppm or 0.0)
        self._measure(pcm)
        return np.zeros(due, np.int16) if self.muted else pcm

    def _callback(self) -> Generator[bytes, Any, None]:
        """Take each block of the device's, in its thread."""
        block: bytes = yield b""
        while True:
            pcm = np.frombuffer(block, np.int16)
            with self._lock:
                now_ns = self._clock.now_ns()
                self._handle_device_block(len(pcm), now_ns)
                self._buffer.write(pcm, now_ns)
            block = yield b""


class SpeakerStream(_Stream):
    """Plays 48 kHz mono, written block by block on the call's clock.

    The difference between the call's clock and the card's is resampled away. While there is no
    device, what is written is dropped.

    Args:
        device: Of `choose_device`; None is the system's default.
        on_event: Called on the event loop with `LevelMeasured` (20 a second) of what is written,
            `ClippingDetected`, `DeviceLost` and `DeviceReplaced`.
        backend: Name of a miniaudio backend, for tests: `"null"`.
        clock: The call's.
    """

    _direction = Direction.OUTPUT

    def write(self, pcm: NDArray[np.int16]) -> None:
        """Append what is to be heard next, shape (samples,); it is copied."""
        self._measure(pcm)
        if self._watch.lost:
            return
        with self._lock:
            heard = np.zeros(len(pcm), np.int16) if self.muted else pcm
            self._buffer.write(heard, self._clock.now_ns())

    def _callback(self) -> Generator[bytes, Any, None]:
        """Fill each block of the device's, in its thread."""
        count: int = yield b""
        while True:
            with self._lock:
                now_ns = self._clock.now_ns()
                self._handle_device_block(count, now_ns)
                pcm = self._buffer.read(count, now_ns, -(self._drift.ppm or 0.0))
            count = yield pcm.tobytes()


def _open_error(direction: Direction, name: str, error: driver.DriverError) -> SetupError:
    hint = f"choose another with {direction.option}: `voicectl devices` lists them"
    if error.busy:
        return SetupError(f"{name} is in use by another program", hint=hint)
    return SetupError(f"{name} cannot be opened as {direction.noun}", detail=str(error), hint=hint)
