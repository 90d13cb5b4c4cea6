"""What the event loop makes of what its media thread tells it."""

import asyncio
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("Linux only", allow_module_level=True)

from voicectl.errors import AdmissionError
from voicectl.rtc import media_thread
from voicectl.rtc.admission import Place
from voicectl.rtc.media_thread import CarriedCall, LoopPlane
from voicectl.units import NS_PER_S


class Thread:
    """A media thread that tells what it is told to tell."""

    def __init__(self) -> None:
        self.cpu_ns = 0
        self.timeouts = (0, 0)
        self.call_count = 1
        self.alive = 0
        self.id = 7
        self.has_failed = False

    def fileno(self) -> int:
        return 0

    def keep_alive(self) -> None:
        self.alive += 1

    def add(self, engine: object, sockets: list[int], *, delivery_interval_ms: int) -> "Thread":
        return self

    def set_route(self, accepted: list[object], destination: object) -> None:
        pass

    def take_handed_back(self) -> list[object]:
        return []

    def close(self) -> None:
        pass


class Connection:
    """An ICE agent without a pair."""

    class Route:
        accepted: tuple[()] = ()
        destination = None

    on_pairs_changed = None

    def media_route(self, sockets: list[object]) -> Route:
        return self.Route()


class Clock:
    """A clock that is set."""

    now = 0

    def now_ns(self) -> int:
        return Clock.now


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Thread:
    thread = Thread()
    monkeypatch.setattr(media_thread, "MediaPlane", lambda: thread)
    monkeypatch.setattr(media_thread, "SystemClock", Clock)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_reader", lambda *_: None)
    monkeypatch.setattr(asyncio.SelectorEventLoop, "remove_reader", lambda *_: None)
    Clock.now = 0
    return thread


def test_thread_that_is_late_takes_no_call_however_little_cpu_it_was_given(thread: Thread) -> None:
    """A machine busy with something else admitted calls: the thread never got to its limit."""

    async def scenario() -> None:
        LoopPlane.of_running_loop()
        Clock.now += NS_PER_S
        thread.cpu_ns, thread.timeouts = NS_PER_S // 10, (1000, 20)
        Place().ask(0.85)
        Clock.now += NS_PER_S
        thread.cpu_ns, thread.timeouts = NS_PER_S // 5, (2000, 120)
        with pytest.raises(AdmissionError) as refused:
            Place().ask(0.85)
        assert "20 ms late 10% of the time" in (refused.value.detail or "")
        Clock.now += NS_PER_S
        thread.timeouts = (3000, 120)
        Place().ask(0.85)

    asyncio.run(scenario())


def test_thread_hears_from_its_event_loop(thread: Thread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls of a loop that was blocked for ever went on sending, with nobody to see to consent."""
    monkeypatch.setattr(media_thread, "LOAD_SPAN_S", 0.0)

    async def scenario() -> None:
        LoopPlane.of_running_loop()
        for _ in range(3):
            await asyncio.sleep(0)
        assert thread.alive >= 1

    asyncio.run(scenario())


def test_engine_that_broke_down_ends_its_call_once(thread: Thread) -> None:
    failures = []

    def on_events() -> None:
        if thread.has_failed:
            raise RuntimeError("a user's bug")

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        CarriedCall(
            None,  # type: ignore[arg-type]
            Connection(),  # type: ignore[arg-type]
            [],
            on_events=on_events,
            on_failure=lambda: failures.append("once"),
            audio_interval_ms=10,
        )
        plane = LoopPlane.of_running_loop()
        thread.take_ready = lambda: [7]  # type: ignore[attr-defined]
        for has_failed in (False, True, True):
            thread.has_failed = has_failed
            plane._handle_readable()  # noqa: SLF001
            await asyncio.sleep(0)

    asyncio.run(scenario())
    assert failures == ["once"]
