"""What the adaptive sender does on simulated networks, by preset: the table of decision 0009.

    python benches/sender_table.py [PRESET...]

Two minutes of a call each, in virtual time; medians over the seconds from 30 on. Each network
twice: by reports alone, and by transport-wide feedback; where they differ, `reports / feedback`.
"""

import sys
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.networked_call import NetworkedCall

from voicectl import _native

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
    call = NetworkedCall(preset, network, repairs=repairs, transport_feedback=feedback, seed=2)
    seconds = call.run_s(120)[30:]
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


def main() -> None:
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for preset in sys.argv[1:] or PRESETS:
        for name, network in NETWORKS.items():
            print(row(preset, name, network), flush=True)


if __name__ == "__main__":
    main()
