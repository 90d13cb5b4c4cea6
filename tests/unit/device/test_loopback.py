"""A chirp played into PulseAudio's null sink and recorded from its monitor."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support.event_loop import in_event_loop
from support.pulse_server import PulseServer

from voicectl.device.catalog import Direction, choose_device, list_devices
from voicectl.device.events import DeviceEvent, DeviceLost, DeviceReplaced
from voicectl.device.streams import MicrophoneStream, SpeakerStream

pytestmark = pytest.mark.skipif(
    PulseServer.missing() is not None, reason=str(PulseServer.missing())
)

CHIRP_SAMPLES = 4800
PERIOD_SAMPLES = 24000


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PulseServer]:
    server = PulseServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", server.address)
    yield server
    server.stop()


def chirp() -> NDArray[np.float64]:
    at = np.arange(CHIRP_SAMPLES) / 48000
    return np.hanning(CHIRP_SAMPLES) * np.sin(2 * np.pi * (500 * at + 25000 * at * at))


def chirps(count: int) -> NDArray[np.int16]:
    """Silence of half a second, then a chirp every half second."""
    pcm = np.zeros((count + 2) * PERIOD_SAMPLES, np.int16)
    for index in range(1, count + 1):
        first = index * PERIOD_SAMPLES
        pcm[first : first + CHIRP_SAMPLES] = (12000 * chirp()).astype(np.int16)
    return pcm


async def played_and_recorded(
    pcm: NDArray[np.int16], speaker: SpeakerStream, microphone: MicrophoneStream
) -> NDArray[np.int16]:
    """Write `pcm` as the call's clock goes; sample n of the result was read when n was written."""
    recorded = []
    loop = asyncio.get_running_loop()
    microphone.read_available()
    begun = loop.time()
    for block in range(len(pcm) // 480):
        await asyncio.sleep(max(begun + block * 0.01 - loop.time(), 0))
        speaker.write(pcm[block * 480 : block * 480 + 480])
        recorded.append(microphone.read_available())
    return np.concatenate(recorded)


def delays_ms(recorded: NDArray[np.int16], count: int) -> list[tuple[float, float]]:
    """Of each chirp: its delay, and how much of it there is."""
    found = []
    for index in range(1, count + 1):
        first = index * PERIOD_SAMPLES
        searched = recorded[first : first + PERIOD_SAMPLES + CHIRP_SAMPLES] / 12000
        match = np.abs(np.correlate(searched, chirp(), "valid")) / np.sum(chirp() ** 2)
        found.append((int(match.argmax()) / 48, float(match.max())))
    return found


@pytest.mark.parametrize("rate_hz", [48000, 44100])
def test_every_chirp_is_heard_again_at_one_delay(server: PulseServer, rate_hz: int) -> None:
    count = 8
    server.start("card", rate_hz=rate_hz)
    catalog = list_devices()
    output = choose_device(catalog, Direction.OUTPUT, "card")
    assert output.sample_rates_hz == (rate_hz,)

    async def call() -> NDArray[np.int16]:
        speaker = SpeakerStream(output, on_event=lambda _: None)
        microphone = MicrophoneStream(
            choose_device(catalog, Direction.INPUT, "card.monitor"), on_event=lambda _: None
        )
        await speaker.start()
        await microphone.start()
        try:
            return await played_and_recorded(chirps(count), speaker, microphone)
        finally:
            await speaker.close()
            await microphone.close()

    found = delays_ms(asyncio.run(call()), count)
    # On an idle machine all are whole. A busy one starves the server, which tears some.
    whole = [ms for ms, share in found if share > 0.8]
    assert len(whole) >= count / 2, found
    assert 0 < np.median(whole) < 300, found


@in_event_loop
async def test_unplugged_card_is_replaced_and_the_last_one_leaves_silence(
    server: PulseServer,
) -> None:
    events: list[DeviceEvent] = []
    server.start("one", "two")
    catalog = list_devices()
    microphone = MicrophoneStream(
        choose_device(catalog, Direction.INPUT, "two.monitor"), on_event=events.append
    )
    await microphone.start()

    async def told(kind: type[DeviceEvent]) -> None:
        while not any(isinstance(event, kind) for event in events):
            microphone.read_available()
            await asyncio.sleep(0.01)

    await asyncio.to_thread(server.remove_sink, "two")
    await told(DeviceReplaced)
    await asyncio.to_thread(server.stop)
    await told(DeviceLost)
    microphone.read_available()
    await asyncio.sleep(0.02)
    assert len(microphone.read_available()) >= 960
    events.clear()
    await asyncio.to_thread(server.start, "three")
    await told(DeviceReplaced)
    await microphone.close()
