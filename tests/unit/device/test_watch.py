"""When a sound device counts as lost and when the next is opened, in virtual time."""

from voicectl.device.watch import DeviceWatch
from voicectl.units import NS_PER_MS, NS_PER_S


def running(now_ns: int) -> DeviceWatch:
    watch = DeviceWatch()
    watch.handle_opened(now_ns - 5 * NS_PER_S)
    watch.handle_block(now_ns)
    return watch


def opens(watch: DeviceWatch, now_ns: int) -> bool:
    watch.handle_timeout(now_ns)
    return watch.poll_open(now_ns)


def test_device_that_delivers_is_left_alone() -> None:
    watch = running(0)
    for second in range(1, 60):
        watch.handle_block(second * NS_PER_S)
        assert not opens(watch, second * NS_PER_S + 900 * NS_PER_MS)


def test_device_silent_for_a_second_is_replaced() -> None:
    watch = running(0)
    assert watch.next_timeout() == NS_PER_S
    assert not opens(watch, NS_PER_S - 1)
    assert opens(watch, NS_PER_S)


def test_stopped_device_is_replaced_at_once() -> None:
    watch = running(0)
    watch.handle_stopped(NS_PER_S)
    assert watch.lost
    assert watch.poll_open(NS_PER_S)


def test_device_may_pause_in_its_first_five_seconds() -> None:
    watch = DeviceWatch()
    watch.handle_opened(0)
    assert not opens(watch, 2 * NS_PER_S)
    watch.handle_block(2 * NS_PER_S)
    assert not opens(watch, 5 * NS_PER_S - 1)
    watch.handle_block(4500 * NS_PER_MS)
    assert not opens(watch, 5 * NS_PER_S)
    assert opens(watch, 5500 * NS_PER_MS)


def test_missing_device_is_tried_at_growing_pauses_up_to_five_seconds() -> None:
    watch = running(0)
    watch.handle_stopped(0)
    now_ns, pauses_ms = 0, []
    for _ in range(8):
        assert watch.poll_open(now_ns)
        watch.handle_open_failed(now_ns)
        pauses_ms.append((watch.next_timeout() - now_ns) // NS_PER_MS)
        now_ns = watch.next_timeout()
    assert pauses_ms == [250, 500, 1000, 2000, 5000, 5000, 5000, 5000]


def test_device_that_opens_but_never_delivers_is_not_tried_in_a_tight_loop() -> None:
    watch = DeviceWatch()
    now_ns, pauses_ms = 0, []
    for _ in range(3):
        watch.handle_opened(now_ns)
        now_ns = watch.next_timeout()
        watch.handle_timeout(now_ns)
        pauses_ms.append((watch.next_timeout() - now_ns) // NS_PER_MS)
        now_ns = watch.next_timeout()
    assert pauses_ms == [0, 250, 500]


def test_block_after_the_loss_does_not_bring_the_device_back() -> None:
    watch = running(0)
    watch.handle_stopped(NS_PER_S)
    watch.handle_block(NS_PER_S)
    assert watch.lost


def test_pauses_start_anew_after_a_device_that_worked() -> None:
    watch = running(0)
    watch.handle_stopped(0)
    watch.handle_open_failed(0)
    watch.handle_opened(NS_PER_S)
    watch.handle_block(NS_PER_S)
    watch.handle_stopped(2 * NS_PER_S)
    assert watch.poll_open(2 * NS_PER_S)
