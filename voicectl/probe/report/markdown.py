"""Markdown: for an issue, a wiki or a job's summary."""

from collections.abc import Sequence

from voicectl.probe.report.record import Record

__all__ = ["render_markdown"]


def render_markdown(records: Sequence[Record]) -> str:
    """One section a target."""
    return "\n\n".join(_section(each) for each in records)


def _section(record: Record) -> str:
    verdict = record["verdict"]
    mark = "OK" if record["usable"] else "FAIL"
    lines = [
        f"## {mark}: {_text(verdict['title'])}",
        "",
        f"`{_code(record['target'])}` · `{verdict['id']}` · in {record['verdict_ms']:.0f} ms",
        "",
        _text(verdict["cause"]),
        "",
        *(f"- {_text(each)}" for each in verdict["evidence"]),
    ]
    if verdict["cannot_tell_apart"]:
        lines.append(f"- cannot be told apart here: {_text(verdict['cannot_tell_apart'])}")
    lines += [
        "",
        f"- **network side**: {_text(verdict['fix']['network'])}",
        f"- **server side**: {_text(verdict['fix']['server'])}",
        "",
        "| leg | result | took | what was seen |",
        "|---|---|---:|---|",
        *(_row(each) for each in record["legs"] if each["result"] != "skipped"),
    ]
    quality = record["quality"]
    if quality:
        rtt = quality["to_relay"]["rtt_ms_p50"]
        delay = f"{rtt:.1f} ms" if rtt is not None else "-"
        lines += ["", f"Round trip {delay}, loss {quality['loss']:.1%}."]
    lines += [f"\n> {_text(each['text'])}" for each in record["notes"]]
    return "\n".join(lines)


def _row(leg: Record) -> str:
    seen = leg["failure"]["detail"] if leg["failure"] else ", ".join(leg["relayed"])
    if leg["error_code"]:
        seen = f"{leg['error_code']} {leg['error_reason']}"
    label = leg["label"] if leg["role"] == "target" else f"({leg['label']})"
    return f"| {label} | {leg['result']} | {leg['took_ms']:.0f} ms | {_text(seen or '-')} |"


def _text(text: str) -> str:
    """A peer's text must not become markup."""
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())


def _code(text: str) -> str:
    return text.replace("`", "'")
