"""The report for a person: the answer, the evidence, what to do, then every leg."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from voicectl.probe.report.record import Record

__all__ = ["render_local", "render_ranking", "render_record"]

_STYLES = {"ok": "green", "failed": "red", "refused": "red", "skipped": "dim"}


def render_record(record: Record, *, verbose: bool = False) -> RenderableType:
    """One target's report, in 80 columns."""
    parts: list[RenderableType] = [_headline(record), Text("")]
    if record["verdict"]["id"] != "ok":
        parts += [*_reasons(record["verdict"]), Text(""), _fixes(record["verdict"]), Text("")]
    parts += [_legs(record, verbose=verbose), Text(""), _findings(record)]
    parts += [Text(""), _last_line(record)]
    return Group(*parts)


def render_local(record: Record) -> RenderableType:
    """This machine's host candidates, as a page in a browser would see them."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("candidate", "transport", "interface", "address", "shown to peers"):
        table.add_column(heading)
    for each in record["candidates"]:
        address = (each["related"] or "-").rpartition(":")[0]
        table.add_row(
            each["type"],
            each["transport"],
            Text(each["interface"] or "-"),
            Text(address),
            Text(each["address"]),
        )
    return Padding(table, (0, 0, 0, 2))


def render_ranking(records: list[Record]) -> RenderableType:
    """Several targets, best first."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("rank", "target", "verdict", "path", "rtt", "loss"):
        table.add_column(heading, style="dim" if heading == "rank" else "")
    for rank, record in enumerate(sorted(records, key=rank_key), 1):
        best = best_leg(record)
        quality = record["quality"]
        table.add_row(
            str(rank) if record["usable"] else "-",
            Text(record["target"]),
            Text(record["verdict"]["id"]),
            Text(best["label"]) if best else "-",
            f"{best['rtt_ms']:.0f} ms" if best and best["rtt_ms"] is not None else "-",
            f"{quality['loss']:.1%}" if quality else "-",
        )
    return Padding(table, (0, 0, 0, 2))


def rank_key(record: Record) -> tuple[bool, bool, float, float]:
    """Usable first, then proven UDP, then little loss, then a short round trip."""
    best = best_leg(record)
    quality = record["quality"]
    return (
        not record["usable"],
        best is None or best["transport"] != "udp",
        round(quality["loss"], 2) if quality else 0.0,
        best["rtt_ms"] if best and best["rtt_ms"] is not None else float("inf"),
    )


def best_leg(record: Record) -> Record | None:
    """The first working leg that counts."""
    legs = [e for e in record["legs"] if e["result"] == "ok" and e["role"] == "target"]
    order = {"udp": 0, "dtls": 1, "tcp": 2, "tls": 3}
    return min(legs, key=lambda e: (e["via_proxy"], order[e["transport"]]), default=None)


def _headline(record: Record) -> Text:
    good = record["usable"]
    mark = "✓" if record["verdict"]["id"] == "ok" else "!" if good else "✗"
    style = "green" if mark == "✓" else "yellow" if good else "red"
    return Text("  ").append(mark, style=f"bold {style}").append(f" {record['verdict']['title']}")


def _reasons(verdict: Record) -> list[RenderableType]:
    lines = [verdict["cause"], *verdict["evidence"]]
    if verdict["cannot_tell_apart"]:
        lines.append(f"Cannot be told apart here: {verdict['cannot_tell_apart']}.")
    lines += [f"Also: {each['title']} ({each['id']})" for each in verdict["also"]]
    return [Padding(Text(line), (0, 0, 0, 4)) for line in lines]


def _fixes(verdict: Record) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    table.add_row("network side", Text(verdict["fix"]["network"]))
    table.add_row("server side", Text(verdict["fix"]["server"]))
    return Padding(table, (0, 0, 0, 4))


def _legs(record: Record, *, verbose: bool) -> RenderableType:
    table = Table(box=None, pad_edge=False, show_edge=False)
    table.add_column("leg", no_wrap=True)
    table.add_column("result", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("what was seen")
    for query in record["dns"]:
        good = query["outcome"] == "ok"
        if not good and query["outcome"] == "no-data" and not verbose:
            continue
        answers = ", ".join(query["answers"][:3]) or "-"
        table.add_row(
            f"dns {query['type']}",
            Text(query["outcome"], style="green" if good else "yellow"),
            f"{query['took_ms']:.0f} ms",
            Text(f"{query['name']} {answers}"),
        )
    well = record["verdict"]["id"] == "ok"
    for leg in record["legs"]:
        if not verbose and (leg["result"] == "skipped" or (well and leg["role"] == "control")):
            continue
        label = leg["label"] if leg["role"] == "target" else f"({leg['label']})"
        table.add_row(
            Text(label),
            Text(leg["result"], style=_STYLES[leg["result"]]),
            f"{leg['took_ms']:.0f} ms",
            Text(_seen(leg)),
        )
    return Padding(table, (0, 0, 0, 2))


def _seen(leg: Record) -> str:
    words: list[str] = []
    if leg["relayed"]:
        words.append(f"relay {', '.join(leg['relayed'])}")
    elif leg["mapped"]:
        words.append(f"you are {leg['mapped']}")
    if leg["error_code"]:
        words.append(f"{leg['error_code']} {leg['error_reason']}".strip())
    if leg["failure"]:
        words.append(leg["failure"]["detail"])
    tls = leg["tls"]
    if tls and not tls["valid"]:
        words += [each["text"] for each in tls["verify_errors"][:2]]
        if not tls["name_matches"]:
            words.append("another name")
    elif tls:
        words.append(tls["version"])
    if leg["skipped"]:
        words.append(leg["skipped"])
    return "; ".join(words) or "-"


def _findings(record: Record) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    about = {
        "nat": _nat(record),
        "relay": _relay(record),
        "quality": _quality(record),
        "browser view": _browser_view(record),
    }
    for name, text in about.items():
        if text is not None:
            table.add_row(name, Text(text))
    for note in record["notes"]:
        table.add_row("note", Text(note["text"]), style="dim")
    for each in record["audit"] or []:
        table.add_row("audit", Text(each["text"]))
    return Padding(table, (0, 0, 0, 2))


def _nat(record: Record) -> str | None:
    nat = record["nat"]
    if nat is None or nat["mapped"] is None:
        return None
    hairpin = {True: "yes", False: "no", None: "-"}[nat["hairpin"]]
    text = (
        f"you are {nat['mapped']}; mapping {nat['mapping']},"
        f" filtering {nat['filtering']}, hairpin {hairpin}"
    )
    lifetime = record["nat_lifetime"]
    if lifetime is not None:
        gone = lifetime["gone_after_s"]
        until = f", less than {gone:g} s" if gone is not None else ""
        text += f"; idle mapping lives {lifetime['alive_after_s']:g} s or more{until}"
    return text


def _relay(record: Record) -> str | None:
    relay = record["relay"]
    if relay is None:
        return None
    if relay["permission_error"]:
        return f"permission refused ({relay['permission_error']})"
    by = "a second local socket" if relay["method"] == "self-peer" else "a second relay"
    delivered = "delivers" if relay["inbound"] else "does not deliver"
    text = f"{relay['relayed']} {delivered}, tried with {by}"
    if relay["second_peer"]:
        echoed = "echoed" if relay["second_peer_echoed"] else "did not echo"
        text += f"; {relay['second_peer']} {echoed}"
    return text


def _quality(record: Record) -> str | None:
    quality = record["quality"]
    if quality is None:
        return None
    near, far = quality["to_relay"], quality["from_relay"]
    rtt = near["rtt_ms_p50"] if near["rtt_ms_p50"] is not None else far["rtt_ms_p50"]
    p95 = near["rtt_ms_p95"] if near["rtt_ms_p95"] is not None else far["rtt_ms_p95"]
    count = near["sent"] + far["sent"]
    delay = f"rtt p50 {rtt:.1f} p95 {p95:.1f} ms" if rtt is not None else "rtt -"
    mos = f", MOS {quality['mos']:.1f}" if quality["mos"] is not None else ""
    jitter = max(near["jitter_ms"], far["jitter_ms"])
    return (
        f"{delay}, jitter {jitter:.1f} ms, loss {quality['loss']:.1%}"
        f" of {count}, {quality['rate_kbps']:.0f} kbit/s each way{mos}"
    )


def _browser_view(record: Record) -> str:
    kinds = list(dict.fromkeys(each["type"] for each in record["candidates"]))
    policies = record["policies"]
    return (
        f"{', '.join(kinds) or 'no candidates'};"
        f" iceTransportPolicy all: {policies['all']}, relay: {policies['relay']}"
    )


def _last_line(record: Record) -> Text:
    verdict = record["verdict"]
    return Text(
        f"  exit {0 if record['usable'] else 1} · {verdict['id']} · {verdict['docs']}"
        f" · verdict in {record['verdict_ms']:.0f} ms",
        style="dim",
    )
