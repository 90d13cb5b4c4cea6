"""The probe on every fault of the lab, beside turnutils_uclient, stun-client and aioice.

    sudo python benches/probe.py [--seed N] [--rivals] [--only WORD] [--json FILE]

Ports, names, realms, addresses and order are drawn from the seed. A row says what the probe named,
whether that is right, and how long the verdict and the whole run took; with --rivals each rival's
exit status and last words in the same network, stopped after 12 s. They are given the server's
address and port over UDP and the probe's credentials: what a row has wrong with TLS, DNS, a proxy,
a second peer or the port itself they never meet, and a success there is no mistake of theirs.
"""

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from lab.faults import FAULTS
from lab.healthy import HEALTHY
from lab.network import Names, missing
from lab.servers import Answer, Lab

LIMIT_S = 12
AIOICE = """
import asyncio, sys
import aioice
async def main(ip, port, user, password):
    connection = aioice.Connection(
        ice_controlling=True, stun_server=(ip, port), turn_server=(ip, port),
        turn_username=user, turn_password=password, use_ipv6=False)
    await connection.gather_candidates()
    print(" ".join(sorted({each.type for each in connection.local_candidates})))
    await connection.close()
asyncio.run(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:5]))
"""
Row = dict[str, Any]


def rivals(lab: Lab) -> Iterator[tuple[str, list[str]]]:
    """Each rival's name and command line."""
    names = lab.names
    port = str(lab.turn_port)
    user, password = lab.credentials
    yield (
        "turnutils_uclient",
        ["turnutils_uclient", "-y", "-c", "-n", "5", "-p", port, "-u", user]
        + ["-w", password, names.server],
    )
    yield "stun-client", ["stun", f"{names.server}:{port}"]
    yield (
        "aioice",
        [sys.executable, "-c", AIOICE, names.server, port, user, password],
    )


def run_rival(lab: Lab, command: list[str]) -> Row:
    """Its exit status, time and last line."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            ["ip", "netns", "exec", lab.network.ns("cli"), *command],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            errors="replace",
        )
        status: int | str = done.returncode
        said = (done.stdout + done.stderr).strip().splitlines()
    except subprocess.TimeoutExpired:
        status, said = "hung", []
    except FileNotFoundError:
        status, said = "absent", []
    return {
        "status": status,
        "took_s": round(time.monotonic() - began, 2),
        "said": said[-1][:80] if said else "",
    }


def run_case(
    name: str, expected: str, run: Callable[[Lab], Answer], seed: int, *, with_rivals: bool
) -> Row:
    """Run the probe on one case, and the rivals after it in the same network."""
    lab = Lab(Names.draw(seed))
    try:
        answer = run(lab)
        row: Row = {
            "case": name,
            "expected": expected,
            "verdict": answer.verdict,
            "right": answer.verdict == expected,
            "status": answer.status,
            "verdict_ms": answer.record.get("verdict_ms"),
            "total_ms": answer.record.get("total_ms"),
            "process_s": round(answer.took_s, 2),
            "seed": seed,
        }
        if with_rivals:
            row["rivals"] = {each: run_rival(lab, command) for each, command in rivals(lab)}
    finally:
        lab.down()
    return row


def show(row: Row) -> None:
    """Print a row."""
    mark = "right" if row["right"] else f"WRONG, expected {row['expected']}"
    print(
        f"{row['case']:62} {row['verdict']:24} {mark:6} "
        f"{row['verdict_ms'] or 0:6.0f} ms {row['total_ms'] or 0:6.0f} ms",
        flush=True,
    )
    for name, rival in row.get("rivals", {}).items():
        print(f"    {name:18} {rival['status']!s:>6} {rival['took_s']:5.1f} s  {rival['said']}")


def main() -> None:
    """Run all cases in an order of their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if (reason := missing()) is not None:
        sys.exit(reason)
    rng = random.Random(options.seed)
    cases = [(f"{each.row} {each.name}", each.verdict, each.run) for each in FAULTS]
    cases += [(f"well {each.__name__}", "ok", each) for each in HEALTHY]
    rng.shuffle(cases)
    print(f"seed {options.seed}")
    rows = []
    for name, expected, run in cases:
        if options.only in name:
            seed = rng.randrange(1 << 30)
            rows.append(run_case(name, expected, run, seed, with_rivals=options.rivals))
            show(rows[-1])
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    right = sum(row["right"] for row in rows)
    slowest = max((row["total_ms"] or 0 for row in rows), default=0)
    print(f"{right} of {len(rows)} right, slowest {slowest:.0f} ms")
    sys.exit(0 if right == len(rows) else 1)


if __name__ == "__main__":
    main()
