"""What the adaptive sender does on simulated networks, by preset: the table of decision 0009.

    python benches/sender_table.py [--others] [PRESET...]

`--others`: on networks by which no constant was chosen. Two minutes of a call each, in virtual
time; medians over the seconds from 30 on. Each network twice: by reports alone, and by
transport-wide feedback; where they differ, `reports / feedback`.
"""

import sys
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.networked_call import NetworkedCall

from voicectl import _native
from voicectl.units import NS_PER_MS

PRESETS = ("lan", "broadband", "wireless", "lossy")
NETWORKS = {
    "20 ms": "delay=20ms",
    "loss2": "loss2",
    "20 ms, 8 % random": "delay=20ms,loss=8%",
    "ge5": "ge5",
    "40 kbit/s, queue 300 ms": "delay=20ms,rate=40kbit,queue=300ms",
    "35 kbit/s, queue 20 ms": "delay=20ms,rate=35kbit,queue=20ms",
    "wifi-spikes": "wifi-spikes",
    "lte": "lte",
    "bufferbloat": "bufferbloat",
}
OTHERS = {
    f"{rate} kbit/s, queue {queue} ms": f"delay=20ms,rate={rate}kbit,queue={queue}ms"
    for rate in (25, 50, 80)
    for queue in (20, 100, 500)
}
OTHERS |= {f"40 ms, {loss} % random": f"delay=40ms,loss={loss}%" for loss in (1, 5, 10)}
OTHERS |= {
    "10 % in bursts of 4": "delay=40ms,jitter=3ms,loss=10%,burst=4",
    "3 % in bursts of 5": "delay=25ms,jitter=3ms,loss=3%,burst=5",
    "50 kbit/s, queue 100 ms, 2 % random": "delay=20ms,loss=2%,rate=50kbit,queue=100ms",
}
WIDE = "delay=20ms,rate=100kbit,queue=150ms"
NARROW = "delay=20ms,rate=30kbit,queue=150ms"
FALLS = "100 kbit/s, from second 40 to 80 only 30"
VARIES = "Wi-Fi of 40 to 300 kbit/s, another every 2 s"
COMPETITORS = {f"60 of 100 kbit/s taken, queue {queue} ms": queue for queue in (50, 200)}
COLUMNS = (
    "preset",
    "network",
    "kbit/s, frame",
    "RED",
    "kbit/s on the wire",
    "delay p50",
    "lost",
    "changes",
    "congestions",
)


def row(preset: str, name: str, network: str) -> str:
    by_reports, by_feedback = (cells(preset, network, feedback) for feedback in (False, True))
    both = (
        reports if reports == feedback else f"{reports} / {feedback}"
        for reports, feedback in zip(by_reports, by_feedback, strict=True)
    )
    return f"| {' | '.join((preset, name, *both))} |"


def cells(preset: str, network: str, feedback: bool) -> tuple[str, ...]:
    repairs = _native.Repairs(nack=False, receive_red=63, send_red=63)
    first = f"delay=20ms,rate=100kbit,queue={network}ms" if network.isdigit() else network
    first = WIDE if network in (FALLS, VARIES) else first
    call = NetworkedCall(preset, first, repairs=repairs, transport_feedback=feedback, seed=2)
    if network.isdigit():
        call.there.compete(122, 20 * NS_PER_MS)
    run(call, network)
    seconds = call.seconds[30:]
    adaptations = [second.adaptation for second in seconds]
    packets = sum(1000 / adaptation.frame_ms for adaptation in adaptations)
    bitrate_kbps = median(adaptation.bitrate_bps for adaptation in adaptations) / 1000
    return (
        f"{bitrate_kbps:g}, {median(a.frame_ms for a in adaptations):g} ms",
        f"{median(second.redundancy.red_frames for second in seconds):g}",
        f"{median(second.offered_bps for second in seconds) / 1000:.0f}",
        f"{median(second.delay_ms for second in seconds):.0f} ms",
        f"{100 * sum(second.dropped for second in seconds) / packets:.1f} %",
        str(adaptations[-1].changes - adaptations[0].changes),
        str(adaptations[-1].congestions),
    )


def run(call: NetworkedCall, network: str) -> None:
    if network == FALLS:
        for capacity in (WIDE, NARROW, WIDE):
            call.there.become(capacity, 5)
            call.run_s(40)
    elif network == VARIES:
        rates_kbps = Random(2)
        for seed in range(60):
            rate_kbps = rates_kbps.choice((40, 60, 100, 200, 300))
            call.there.become(f"delay=8ms,jitter=4ms,rate={rate_kbps}kbit,queue=150ms", seed)
            call.run_s(2)
    else:
        call.run_s(120)


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    others = OTHERS | {name: name for name in (FALLS, VARIES)}
    others |= {name: str(queue) for name, queue in COMPETITORS.items()}
    networks = others if "--others" in sys.argv else NETWORKS
    for preset in [name for name in sys.argv[1:] if name != "--others"] or PRESETS:
        for name, network in networks.items():
            print(row(preset, name, network), flush=True)


if __name__ == "__main__":
    main()
