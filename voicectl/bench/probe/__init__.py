"""The suite `probe`: `voicectl probe` on every fault, healthy variant, NAT and line of the lab.

Beside it turnutils, the STUN clients and aioice, asked the same in the same network. One campaign
is run for all figures, when the first is asked for.
"""

import random
import subprocess
from collections.abc import Callable, Sequence

from voicectl.bench.lab.network import missing
from voicectl.bench.probe.campaign import Outcome, all_trials, run_trials, some_trials
from voicectl.bench.probe.figures import FIGURES
from voicectl.bench.report import Case, CaseRival, Measurement
from voicectl.bench.suite import Bench, Stopwatch, Suite
from voicectl.errors import SetupError

__all__ = ["probe_suite"]

_NAMES = [each.name for each in all_trials()]
_Figure = Callable[[Sequence[Outcome]], Measurement]


def probe_suite(*, seed: int | None = None, quick: bool = False) -> Suite:
    """The suite; `quick` takes a sample of the cases and leaves the rivals out.

    `seed` draws the sample, the order, and each case's ports, names and addresses; None draws one.
    """
    campaign = _Campaign(random.randrange(1 << 30) if seed is None else seed, quick=quick)
    return Suite(
        "probe",
        tuple(Bench(spec, campaign.measured(figure)) for spec, figure in FIGURES),
        cases=campaign.cases,
        notes=campaign.notes,
        missing=missing,
    )


class _Campaign:
    def __init__(self, seed: int, *, quick: bool) -> None:
        self._seed = seed
        self._quick = quick
        self._outcomes: list[Outcome] = []
        self._broken: SetupError | None = None

    def measured(self, figure: _Figure) -> Callable[[Stopwatch], Measurement]:
        def measure(stopwatch: Stopwatch) -> Measurement:
            self._run(stopwatch)
            return figure(self._outcomes)

        return measure

    def cases(self) -> tuple[Case, ...]:
        ordered = sorted(self._outcomes, key=lambda each: _NAMES.index(each.trial.name))
        return tuple(_case(each) for each in ordered)

    def notes(self) -> tuple[str, ...]:
        if not self._outcomes:
            return ()
        right = sum(each.right for each in self._outcomes)
        drawn = f"probe: seed {self._seed}, {right} of {len(self._outcomes)} cases right"
        sampled = ", a sample without rivals (--quick)" if self._quick else ""
        return (f"{drawn}{sampled}, coturn {_coturn_version()}",)

    def _run(self, stopwatch: Stopwatch) -> None:
        if self._outcomes:
            return
        self._broken = self._broken or missing()
        if self._broken is not None:
            raise self._broken
        rng = random.Random(self._seed)
        trials = some_trials(rng) if self._quick else all_trials()
        try:
            self._outcomes = run_trials(
                trials, rng, with_rivals=not self._quick, on_trial=stopwatch.on_step
            )
        except SetupError as error:
            self._broken = error  # once is enough: the other figures' runs would break too
            raise


def _case(outcome: Outcome) -> Case:
    trial = outcome.trial
    return Case(
        "probe",
        trial.kind,
        trial.name,
        trial.expected,
        outcome.found,
        outcome.right,
        outcome.verdict_ms,
        outcome.seed,
        tuple(
            CaseRival(
                each.name,
                each.status,
                each.took_s,
                each.said,
                None if trial.usable is None else each.usable is trial.usable,
            )
            for each in outcome.rivals
        ),
    )


def _coturn_version() -> str:
    done = subprocess.run(
        ["turnserver", "--version"], check=False, capture_output=True, text=True, timeout=10
    )
    lines = done.stdout.strip().splitlines()
    return lines[-1].strip() if lines else "of an unknown version"
