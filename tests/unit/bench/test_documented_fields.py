"""What a bench says in JSON stands in docs/json.md, field for field."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.bench_figures import COST, QUIET, cost, quality

from voicectl.bench.estimate import Estimate
from voicectl.bench.formats.json import report_fields
from voicectl.bench.machine import calibrate
from voicectl.bench.report import Case, CaseRival, Check, Figure, Report, Table, Verdict

DOCS = Path(__file__).parents[3] / "docs" / "json.md"


def documented() -> set[str]:
    [section] = re.findall(r"^## voicectl.bench/1$(.*?)(?=^## |\Z)", DOCS.read_text(), re.M | re.S)
    return set(re.findall(r"`([a-z0-9_]+)`", section))


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            if name != "versions":  # by the names of packages
                yield from names_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names_in(inner)


def test_fields_of_a_bench_were_documented_by_other_names() -> None:
    change = Check("baseline", Verdict.PASS, 1.15, "as before", Estimate(1.0, 0.9, 1.1, 5))
    figures = (Figure(COST, cost(0.4), None, (change,)), Figure(COST, quality(1.0)))
    rival = CaseRival("stun", 0, 1.0, "said", True)
    case = Case("probe", "faults", "dead", "no", "no", True, 3.0, 1, (rival,))
    table = Table("sides", "side by side", ("a",), ((1.0,),))
    report = Report(calibrate(QUIET), figures, ("a note",), (case,), (table,))
    found = set(names_in(report_fields(report))) - {"schema"}
    assert found - documented() == set()
    # `expected` and the like of no field at all would be as wrong.
    assert {"id", "title", "kind", "better", "missing", "checks", "calibration"} <= found


def test_versions_of_some_rivals_were_left_out() -> None:
    versions = calibrate(QUIET).versions
    assert re.fullmatch(r"v\d+\.\d+\.\d+", versions["pion/webrtc"])
    assert versions["libopus"].startswith("1.")
    for package in ("pesq", "pystoi"):
        try:
            __import__(package)
        except ImportError:
            assert package not in versions
        else:
            assert versions[package]
