"""Prometheus text: the gauges of the last probe of each target. No addresses in labels."""

from collections.abc import Iterator, Sequence

from voicectl.probe.report.record import Record

__all__ = ["render_prometheus"]

Sample = tuple[dict[str, str], float]


def render_prometheus(records: Sequence[Record]) -> str:
    """The exposition format, version 0.0.4."""
    lines: list[str] = []
    for name, text, samples in _metrics(records):
        if samples:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            lines += [f"{name}{{{_labels(labels)}}} {value:g}" for labels, value in samples]
    return "\n".join(lines)


def _metrics(records: Sequence[Record]) -> Iterator[tuple[str, str, list[Sample]]]:
    usable = [(_of(each), float(each["usable"])) for each in records]
    yield "voicectl_probe_usable", "Whether the target has a usable path.", usable
    verdicts = [(_of(each, verdict=each["verdict"]["id"]), 1.0) for each in records]
    yield "voicectl_probe_verdict", "The verdict id, as a label.", verdicts
    seconds = [(_of(each), each["verdict_ms"] / 1000) for each in records]
    yield "voicectl_probe_verdict_seconds", "Time to the verdict.", seconds
    up: list[Sample] = []
    rtt: list[Sample] = []
    for record in records:
        for leg in record["legs"]:
            if leg["role"] == "target" and leg["result"] != "skipped":
                labels = _of(record, leg=f"{leg['transport']} {leg['port']}")
                up.append((labels, float(leg["result"] == "ok")))
                if leg["rtt_ms"] is not None:
                    rtt.append((labels, leg["rtt_ms"] / 1000))
    yield "voicectl_probe_leg_up", "Whether the leg works.", _once(up)
    yield "voicectl_probe_leg_rtt_seconds", "The leg's fastest round trip.", _once(rtt)
    yield from _quality_metrics([each for each in records if each["quality"]])


def _quality_metrics(records: list[Record]) -> Iterator[tuple[str, str, list[Sample]]]:
    loss = [(_of(each), each["quality"]["loss"]) for each in records]
    yield "voicectl_probe_loss_ratio", "Loss of voice-shaped packets through the relay.", loss
    jitter = [
        (_of(each), max(each["quality"][way]["jitter_ms"] for way in _WAYS) / 1000)
        for each in records
    ]
    yield "voicectl_probe_jitter_seconds", "Interarrival jitter (RFC 3550).", jitter
    delay = [
        (_of(each), each["quality"]["to_relay"]["rtt_ms_p50"] / 1000)
        for each in records
        if each["quality"]["to_relay"]["rtt_ms_p50"] is not None
    ]
    yield "voicectl_probe_relay_rtt_seconds", "Median round trip through the relay.", delay
    mos = [
        (_of(each), each["quality"]["mos"])
        for each in records
        if each["quality"]["mos"] is not None
    ]
    yield "voicectl_probe_mos", "E-model estimate, 1 to 4.5.", mos


_WAYS = ("to_relay", "from_relay")


def _once(samples: list[Sample]) -> list[Sample]:
    """IPv4 and IPv6 legs share a label: the better one stays."""
    best: dict[str, Sample] = {}
    for labels, value in samples:
        key = _labels(labels)
        if key not in best or value > best[key][1]:
            best[key] = (labels, value)
    return list(best.values())


def _of(record: Record, **labels: str) -> dict[str, str]:
    return {"target": record["target"], **labels}


def _labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items())


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
