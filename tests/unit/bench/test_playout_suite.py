"""The suite `playout`: its data, its yardstick, and the same figures every time."""

import tomllib
from collections.abc import Callable

import numpy as np
import pytest
from support.bench_figures import QUIET, calibration

from voicectl.bench.formats.json import report_fields
from voicectl.bench.formats.lines import rival_text
from voicectl.bench.gate import check_gate
from voicectl.bench.playout import playout_suite
from voicectl.bench.playout.others import (
    CASES,
    TraceCase,
    burst_case,
    fixed_elsewhere,
    neteq,
    trace,
)
from voicectl.bench.playout.runs import (
    fixed,
    kbps,
    lost_for_good,
    material,
    replayed,
    run,
    unbroken_speech,
)
from voicectl.bench.report import Figure, Report, Verdict
from voicectl.bench.suite import Bench, Stopwatch
from voicectl.clock import ThreadCpuClock
from voicectl.replay.encoding import Protection
from voicectl.replay.pipeline import Strategy

CLEAN, LOSS2 = TraceCase("clean"), TraceCase("loss2")


def bench(name: str) -> Bench:
    return next(b for b in playout_suite().benches if b.spec.name == name)


def test_ten_traces_ship_with_what_neteq_and_a_fixed_buffer_made_of_them() -> None:
    assert len({case.trace for case in CASES}) == 10
    for case in CASES:
        assert trace(case.trace).frames >= 2990
        assert neteq(case).delay_ms > 0
        assert fixed_elsewhere(case).concealed_percent >= 0


def test_figures_have_names_of_their_own_that_toml_takes_bare() -> None:
    names = [spec.name for spec in playout_suite().specs]
    assert len(set(names)) == len(names)
    assert list(tomllib.loads("\n".join(f"{name} = 1" for name in names))) == names
    assert {spec.suite for spec in playout_suite().specs} == {"playout"}


def test_quick_leaves_out_scores_and_nothing_else() -> None:
    left_out = set(playout_suite().specs) - set(playout_suite(quick=True).specs)
    assert {spec.name.rpartition("-")[2] for spec in left_out} == {"gain", "lbrr"}


def test_a_fixed_buffer_conceals_on_our_speech_what_it_did_on_neteqs() -> None:
    # Which packets repeat the one before depends on the speech; what is late does not.
    for name in ("clean", "wifi-spikes", "lte"):
        case = TraceCase(name)
        ours, theirs = fixed(case).concealed_percent, fixed_elsewhere(case).concealed_percent
        assert ours == pytest.approx(theirs, abs=0.02)
    assert fixed(CLEAN).delay_ms == pytest.approx(75, abs=1)
    assert len(fixed(CLEAN).in_media_time()) == 3000 * 960


def test_with_fec_less_is_lost_for_good_than_was_lost() -> None:
    lost = lost_for_good(TraceCase("loss2", Protection.NONE))
    assert lost == pytest.approx(2.04, abs=0.01)
    assert 0.2 * lost < lost_for_good(LOSS2) < 0.7 * lost


def test_a_machine_waits_for_nothing_on_a_clean_network() -> None:
    eager = run(CLEAN, Strategy.EAGER)
    assert eager.delay_ms == 0
    assert eager.missing_percent == 0


def test_an_ears_figures_are_the_same_every_time() -> None:
    figures = run(CLEAN, Strategy.BALANCED)
    assert run.__wrapped__(CLEAN, Strategy.BALANCED) == figures
    assert figures.delay_ms < neteq(CLEAN).delay_ms


def test_dred_fills_bursts_at_no_more_bits() -> None:
    lbrr, dred = (burst_case(100, p) for p in (Protection.LBRR, Protection.DRED_NEAR))
    assert kbps(dred) <= kbps(lbrr)
    assert run(dred, Strategy.EAGER).missing_percent < 1
    assert run(lbrr, Strategy.EAGER).missing_percent > 5


def test_the_cost_of_a_frame_is_taken_beside_aiortcs() -> None:
    measurement = bench("insert-get-vs-aiortc").measure(Stopwatch(ThreadCpuClock(), blocks=2))
    assert measurement.value > 0
    assert [rival.name for rival in measurement.rivals] == ["aiortc"]


def test_in_a_pause_that_was_not_sent_nothing_is_heard_of_what_was_said_after_it() -> None:
    case = TraceCase("dtx")
    played, speech = replayed(case, Strategy.BALANCED), material(case).speech
    assert speech is not None
    ahead = (speech.timestamp - played.first_timestamp) % (1 << 32)
    heard = played.in_media_time()[ahead:]
    said = speech.pcm[: len(heard)]
    for end in np.flatnonzero((said[1:] != 0) & (said[:-1] == 0)):
        pause = slice(max(end - 4800, 0), max(end - 480, 0))
        if end > 5 * 48_000 and not said[pause].any():
            assert np.abs(heard[pause]).max() < 200, f"{end / 48:.0f} ms"


def test_a_capture_and_a_wav_are_replayed_faster_than_they_took() -> None:
    stopwatch = Stopwatch(ThreadCpuClock(), 2)
    for name in ("replay-capture-speed", "replay-wav-speed"):
        assert bench(name).measure(stopwatch).value > 1


@pytest.mark.parametrize(("load", "verdict"), [(11.0, Verdict.INCONCLUSIVE), (0.5, Verdict.FAIL)])
def test_a_busy_neighbour_failed_the_replay_of_a_wav(
    monkeypatch: pytest.MonkeyPatch, load: float, verdict: Verdict
) -> None:
    """As it was at a load of 11: 59.3 times real time, and libopus alone 68.8 times."""
    clock, done = VirtualClock(), []
    span_ns = len(unbroken_speech()) * 1_000_000_000 // 48_000

    def taking(name: str, speed: float) -> Callable[..., None]:
        def run(*_: object) -> None:
            clock.time_ns += int(span_ns / speed)
            done.append(name)

        return run

    monkeypatch.setattr("voicectl.replay.replay.replay_file", taking("replay", 59.3))
    monkeypatch.setattr("voicectl.bench.playout.speed._encode", taking("alone", 68.8))
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    wav = bench("replay-wav-speed")
    measurement = wav.measure(Stopwatch(clock, 2))
    assert measurement.value == pytest.approx(59.3, rel=0.001)
    assert check_gate(wav.spec, measurement, 60.0, QUIET).verdict is verdict
    # In the same seconds.
    assert done == ["replay", "alone"] * (len(done) // 2)


class VirtualClock:
    """Moves when it is told to."""

    time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


def test_delay_beside_neteqs_was_told_with_ten_milliseconds_added_only() -> None:
    ear = bench("clean-ear-delay")
    measurement = ear.measure(Stopwatch(ThreadCpuClock(), 2))
    plain = measurement.value / neteq(CLEAN).delay_ms
    figure = Figure(ear.spec, measurement)
    assert f"NetEq {neteq(CLEAN).delay_ms:.3g} ({plain:.2f}x), fixed" in rival_text(figure)
    [fields] = report_fields(Report(calibration(), (figure,)))["figures"]
    assert [rival["ratio"] for rival in fields["rivals"]] == [pytest.approx(plain, abs=1e-4), None]
