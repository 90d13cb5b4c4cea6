"""All cases of the lab in an order of their own, each in a network drawn anew."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal

from voicectl.bench.lab.network import Names
from voicectl.bench.lab.servers import Answer, Lab
from voicectl.bench.probe.faults import FAULTS, Fault
from voicectl.bench.probe.healthy import HEALTHY
from voicectl.bench.probe.lines import LINES, Line
from voicectl.bench.probe.nats import NATS, Nat
from voicectl.bench.probe.rivals import (
    RivalAnswer,
    ask_about_nat,
    ask_about_path,
    ask_about_quality,
)

__all__ = ["SLOW_BY_REQUEST", "Outcome", "Trial", "all_trials", "run_trials", "some_trials"]

SLOW_BY_REQUEST = ("nat-binding-short", "open-relay")
"""`--nat-lifetime` and `--audit` take longer than a probe may."""
_SAMPLE = {"fault": 8, "healthy": 3, "nat": 2, "rtt": 1, "loss": 1}


@dataclass(frozen=True)
class Trial:
    """A case and how to tell whether the probe is right about it."""

    kind: Literal["fault", "healthy", "nat", "rtt", "loss"]
    name: str
    expected: str
    run: Callable[[Lab], Answer]
    found: Callable[[Answer], str]
    usable: bool | None = None
    """Whether the target has a usable path, where rivals are asked that."""
    line: Line | None = None


@dataclass(frozen=True)
class Outcome:
    """What the probe and its rivals said to a trial."""

    trial: Trial
    answer: Answer
    rivals: tuple[RivalAnswer, ...]
    seed: int
    load_1m: float
    """The load average when it ended."""

    @property
    def found(self) -> str:
        """What the probe said, in the words of what was expected."""
        return self.trial.found(self.answer)

    @property
    def right(self) -> bool:
        """Whether the probe said what is so; a line's figures are judged by their limits."""
        if self.trial.line is not None:
            return self.found != "nothing"
        return self.found == self.trial.expected

    @property
    def verdict_ms(self) -> float | None:
        """To the verdict, without the quality test; of a NAT, to what is said of it."""
        if self.trial.kind == "nat":
            took_ms: float | None = (self.answer.record.get("nat") or {}).get("took_ms")
            return took_ms
        return self.answer.record.get("verdict_ms")


def all_trials() -> list[Trial]:
    """Every fault, healthy variant, NAT and line."""
    trials = [_fault(each) for each in FAULTS]
    trials += [_healthy(each) for each in HEALTHY]
    trials += [_nat(each) for each in NATS]
    return trials + [_line(each) for each in LINES]


def some_trials(rng: random.Random) -> list[Trial]:
    """A sample with some of each kind."""
    everything = all_trials()
    return [
        trial
        for kind, count in _SAMPLE.items()
        for trial in rng.sample([each for each in everything if each.kind == kind], count)
    ]


def run_trials(
    trials: list[Trial],
    rng: random.Random,
    *,
    with_rivals: bool,
    on_trial: Callable[[str], None] = lambda text: None,
) -> list[Outcome]:
    """Run them, shuffled; ports, names, realms, users and addresses are drawn for each.

    Raises:
        SetupError: the lab cannot be built here.
    """
    order = list(trials)
    rng.shuffle(order)
    outcomes = []
    with _sigterm_ends_tidily():
        for number, trial in enumerate(order, 1):
            on_trial(f"{number}/{len(order)} {trial.name}")
            outcomes.append(_run(trial, rng.randrange(1 << 30), with_rivals=with_rivals))
    return outcomes


def _run(trial: Trial, seed: int, *, with_rivals: bool) -> Outcome:
    lab = Lab(Names.draw(seed))
    try:
        answer = trial.run(lab)
        rivals = _ask_rivals(trial, lab) if with_rivals else []
    finally:
        lab.down()
    return Outcome(trial, answer, tuple(rivals), seed, os.getloadavg()[0])


def _ask_rivals(trial: Trial, lab: Lab) -> list[RivalAnswer]:
    if trial.line is not None:
        return ask_about_quality(lab, trial.line)
    return ask_about_nat(lab) if trial.kind == "nat" else ask_about_path(lab)


def _fault(fault: Fault) -> Trial:
    def found(answer: Answer) -> str:
        said = answer.verdict
        if fault.note is not None and fault.note in _notes(answer):
            said = f"{said} + {fault.note}"
        return said if answer.status == fault.status else f"{said} (exit {answer.status})"

    expected = fault.verdict if fault.note is None else f"{fault.verdict} + {fault.note}"
    name = f"{fault.row} {_words(fault.name)}"
    return Trial("fault", name, expected, fault.run, found, usable=fault.status == 0)


def _healthy(run: Callable[[Lab], Answer]) -> Trial:
    def found(answer: Answer) -> str:
        also = [each["id"] for each in answer.record["verdict"].get("also", [])]
        return " + ".join([answer.verdict, *also])

    return Trial("healthy", f"well: {_words(run.__name__)}", "ok", run, found, usable=True)


def _nat(nat: Nat) -> Trial:
    return Trial("nat", nat.name, nat.expected, nat.run, nat.found)


def _line(line: Line) -> Trial:
    kind: Literal["rtt", "loss"] = "loss" if line.loss_percent else "rtt"
    return Trial(kind, line.name, line.expected, line.run, line.found, line=line)


def _notes(answer: Answer) -> list[str]:
    return [each["id"] for each in answer.record.get("notes", [])]


def _words(name: str) -> str:
    return name.replace("_", " ")


@contextmanager
def _sigterm_ends_tidily() -> Iterator[None]:
    """A CI job that is cancelled leaves no namespaces and servers behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
