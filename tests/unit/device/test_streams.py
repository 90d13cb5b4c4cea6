"""Microphone and speaker on miniaudio's null backend: real threads, real time, no card."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.event_loop import in_event_loop

from voicectl.device import _miniaudio_private as driver
from voicectl.device.catalog import Direction
from voicectl.device.events import DeviceEvent, DeviceLost, DeviceReplaced, LevelMeasured
from voicectl.device.streams import MicrophoneStream, SpeakerStream
from voicectl.errors import SetupError
from voicectl.units import NS_PER_MS


class HeldClock:
    """The call's clock, moved by the test; the device's thread reads it too."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        return self.now


class CardInHand:
    """A card whose blocks come when the test says so, or the null one, which the test can pull.

    Stands in for `open_device`.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, null: bool = True) -> None:
        self._open_null = driver.open_device
        self._null = null
        self.refusal: driver.DriverError | None = None
        monkeypatch.setattr(driver, "open_device", self._open)

    def _open(
        self,
        raw_id: bytes | None,
        callback: Generator[bytes, Any, None],
        on_stopped: Callable[[], None],
        **options: Any,  # noqa: ANN401 (those of open_device)
    ) -> "driver.OpenDevice | CardInHand":
        if self.refusal is not None:
            raise self.refusal
        self._callback = callback
        self.pull = on_stopped
        if self._null:
            return self._open_null(raw_id, callback, on_stopped, **options)
        callback.send(bytes(960))
        return self

    backend = "a fake"

    def hear(self, pcm: NDArray[np.int16]) -> None:
        self._callback.send(pcm.tobytes())

    def close(self) -> None:
        self._callback.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def ignore(_: DeviceEvent) -> None:
    pass


@in_event_loop
async def test_microphone_gives_what_the_calls_clock_says_whatever_the_device_does() -> None:
    clock = HeldClock()
    microphone = MicrophoneStream(on_event=ignore, backend="null", clock=clock)
    await microphone.start()
    assert len(microphone.read_available()) == 240
    assert len(microphone.read_available()) == 0
    clock.now += 10 * NS_PER_MS
    assert len(microphone.read_available()) == 480
    clock.now += 3 * NS_PER_MS
    assert len(microphone.read_available()) == 144
    clock.now += 60_000 * NS_PER_MS
    assert len(microphone.read_available()) == 48000
    await microphone.close()


@in_event_loop
async def test_microphone_delivers_from_the_device_and_measures_the_level() -> None:
    events: list[DeviceEvent] = []
    microphone = MicrophoneStream(on_event=events.append, backend="null")
    await microphone.start()
    read = 0

    def levels_came() -> bool:
        nonlocal read
        read += len(microphone.read_available())
        return len(events) >= 4

    await until(levels_came)
    stats = microphone.stats()
    assert stats.device_samples > 0
    assert stats.device_samples % 480 == 0
    assert stats.backend == "Null"
    assert stats.device == "NULL Capture Device"
    assert read >= 4 * 2400
    assert set(events) == {LevelMeasured(-96.0, -96.0)}
    await microphone.close()


@in_event_loop
async def test_speaker_asks_for_what_is_written() -> None:
    speaker = SpeakerStream(on_event=ignore, backend="null")
    await speaker.start()
    for _ in range(10):
        speaker.write(np.ones(480, np.int16))
    held_ms = speaker.stats().buffered_ms
    await until(lambda: speaker.stats().buffered_ms < held_ms - 20)
    assert speaker.stats().device_samples >= 960
    await speaker.close()


@in_event_loop
async def test_muted_microphone_still_shows_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    card = CardInHand(monkeypatch, null=False)
    clock = HeldClock()
    events: list[DeviceEvent] = []
    microphone = MicrophoneStream(on_event=events.append, backend="null", clock=clock)
    await microphone.start()
    microphone.muted = True
    for _ in range(20):
        clock.now += 10 * NS_PER_MS
        card.hear(np.full(480, 3277, np.int16))
        assert not microphone.read_available().any()
    level = events[-1]
    assert isinstance(level, LevelMeasured)
    assert level.rms_dbfs == pytest.approx(-20, abs=0.1)
    microphone.muted = False
    clock.now += 10 * NS_PER_MS
    card.hear(np.full(480, 3277, np.int16))
    assert (microphone.read_available() == 3277).all()
    await microphone.close()


@in_event_loop
async def test_vanished_device_is_replaced_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    card = CardInHand(monkeypatch)
    events: list[DeviceEvent] = []
    microphone = MicrophoneStream(on_event=events.append, backend="null")
    await microphone.start()
    card.pull()
    await until(lambda: bool(events))
    [replaced] = events
    assert isinstance(replaced, DeviceReplaced)
    assert replaced.replacement == "NULL Capture Device"
    before = microphone.stats().device_samples
    await until(lambda: microphone.stats().device_samples > before)
    await microphone.close()


@in_event_loop
async def test_call_goes_on_in_silence_while_no_device_can_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = CardInHand(monkeypatch)
    clock = HeldClock()
    events: list[DeviceEvent] = []
    microphone = MicrophoneStream(on_event=events.append, backend="null", clock=clock)
    await microphone.start()
    card.refusal = driver.DriverError(-19)
    card.pull()
    await until(lambda: bool(events))
    assert events == [
        DeviceLost(
            Direction.INPUT,
            "NULL Capture Device",
            "NULL Capture Device is in use by another program",
        )
    ]
    microphone.read_available()
    clock.now += 20 * NS_PER_MS
    assert len(microphone.read_available()) == 960
    card.refusal = None
    clock.now += 250 * NS_PER_MS
    card.pull()
    await until(lambda: isinstance(events[-1], DeviceReplaced))
    await microphone.close()


@in_event_loop
async def test_busy_device_is_a_line_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    CardInHand(monkeypatch).refusal = driver.DriverError(-19)
    speaker = SpeakerStream(on_event=ignore, backend="null")
    with pytest.raises(SetupError, match="NULL Playback Device is in use") as caught:
        await speaker.start()
    assert "--speaker" in (caught.value.hint or "")
    await speaker.close()


@in_event_loop
async def test_nothing_is_told_after_close() -> None:
    events: list[DeviceEvent] = []
    speaker = SpeakerStream(on_event=events.append, backend="null")
    await speaker.start()
    await speaker.close()
    await speaker.close()
    assert events == []
