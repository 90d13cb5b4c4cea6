"""Runs what `voicectl probe` was asked for: checks the options, probes, writes the answer."""

import asyncio
import contextlib
import os
import time  # noqa: TID251 - the wall clock, which an expiry in a username is held against
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.live import Live
from rich.table import Table
from rich.text import Text

from voicectl.cli.output import Printer
from voicectl.errors import UsageError, VoicectlError
from voicectl.paths import unreadable
from voicectl.probe.evidence import LegResult, Role
from voicectl.probe.ice_servers import load_ice_servers
from voicectl.probe.plan import local_record, parse_address, probe_all
from voicectl.probe.redact import redact
from voicectl.probe.report.junit import render_junit
from voicectl.probe.report.markdown import render_markdown
from voicectl.probe.report.prometheus import render_prometheus
from voicectl.probe.report.record import Record
from voicectl.probe.report.table import render_local, render_ranking, render_record
from voicectl.probe.secrets_input import CredentialSource, read_credentials
from voicectl.probe.settings import ProbeSettings, Progress
from voicectl.probe.target import Target, parse_target
from voicectl.probe.transport.proxy import Proxy, parse_proxy
from voicectl.probe.transport.secure import TrustStore
from voicectl.probe.watch import History, serve_metrics

__all__ = ["ProbeRequest", "run_probe"]

_STUN_VARIABLE = "VOICECTL_STUN"
_PROXY_VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_RENDERERS: dict[str, Callable[[Sequence[Record]], str]] = {
    "junit": render_junit,
    "prometheus": render_prometheus,
    "markdown": render_markdown,
}


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """The options as they were given."""

    targets: tuple[str, ...]
    username: str | None
    password_file: Path | None
    secret_file: Path | None
    token_file: Path | None
    ice_servers: str | None
    proxy: str | None
    ca: Path | None
    peer: str | None
    relay_family: int | None
    quality_s: float
    nat_lifetime_s: float | None
    sha256: bool
    audit: bool
    owned: bool
    scan_peers: bool
    watch_s: float | None
    listen: str | None
    redact: bool
    output_format: str
    verbose: bool


def run_probe(request: ProbeRequest, printer: Printer) -> bool:
    """Probe and print; whether every target has a usable path."""
    _check(request)
    epoch_s = int(time.time())
    source = CredentialSource(
        request.username, request.password_file, request.secret_file, request.token_file
    )
    targets = _targets(request, source, epoch_s)
    if not targets:
        return _print_local(request, printer)
    if request.watch_s is not None:
        return asyncio.run(_watch(request, source, _settings(request, Progress()), printer))
    with _progress(printer) as progress:
        settings = _settings(request, progress)
        records = asyncio.run(probe_all(targets, settings, epoch_s=epoch_s))
    records = [redact(each) for each in records] if request.redact else records
    _print(records, request, printer)
    return all(each["usable"] for each in records)


def _check(request: ProbeRequest) -> None:
    if request.audit and not request.owned:
        raise UsageError(
            "--audit asks a server for what it should refuse",
            hint="add --i-own-this-server if you do",
        )
    if request.scan_peers and not request.audit:
        raise UsageError("--scan-peers is a part of --audit", hint="add --audit")
    if request.listen is not None and request.watch_s is None:
        raise UsageError("--listen needs --watch", hint="add --watch 30")
    if request.ca is not None and (trouble := unreadable(request.ca)) is not None:
        raise UsageError(f"--ca {request.ca} {trouble}", hint="give a file of certificates in PEM")


def _targets(request: ProbeRequest, source: CredentialSource, epoch_s: int) -> list[Target]:
    credentials = read_credentials(source, epoch_s=epoch_s)
    targets = [parse_target(each, credentials) for each in request.targets]
    if request.ice_servers is not None:
        targets += load_ice_servers(request.ice_servers)
    if not targets and (configured := os.environ.get(_STUN_VARIABLE)):
        targets = [parse_target(configured)]
    if not targets and credentials is not None:
        raise UsageError(
            "there are credentials and no target to use them on", hint="name one: turn:HOST"
        )
    return targets


def _settings(request: ProbeRequest, progress: Progress) -> ProbeSettings:
    return ProbeSettings(
        trust=TrustStore(request.ca),
        proxy=_proxy(request.proxy),
        quality_s=request.quality_s,
        peer=parse_address(request.peer, "--peer") if request.peer else None,
        relay_family=request.relay_family,
        nat_lifetime_s=request.nat_lifetime_s,
        audit=request.audit,
        scan_peers=request.scan_peers,
        prefer_sha256=request.sha256,
        progress=progress,
    )


def _proxy(given: str | None) -> Proxy | None:
    if given == "none":
        return None
    if given is not None:
        return parse_proxy(given, from_environment=False)
    url = next((os.environ[name] for name in _PROXY_VARIABLES if os.environ.get(name)), None)
    return parse_proxy(url, from_environment=True) if url else None


class _LiveTable(Progress):
    """The legs as they end, drawn on stderr while the probe runs."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._steps: dict[str, str] = {}
        self._legs: dict[tuple[str, str], tuple[str, str]] = {}

    def step(self, target: str, name: str) -> None:
        """Note the stage and draw."""
        self._steps[target] = name
        self._draw()

    def leg_done(self, target: str, result: LegResult) -> None:
        """Note the leg and draw."""
        if result.leg.role is Role.TARGET and result.skipped is None:
            outcome = "ok" if result.ok else "failed"
            self._legs[target, result.leg.label] = (outcome, f"{result.took_ms:.0f} ms")
            self._draw()

    def _draw(self) -> None:
        table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
        for target, name in self._steps.items():
            table.add_row(Text(target), Text(f"{name} …", style="dim"))
            for (owner, label), (outcome, took) in self._legs.items():
                if owner == target:
                    style = "green" if outcome == "ok" else "red"
                    table.add_row(Text(f"  {label}"), Text(outcome, style=style), took)
        self._live.update(table)


@contextlib.contextmanager
def _progress(printer: Printer) -> Iterator[Progress]:
    """A table that fills, on a terminal that can move its cursor."""
    if not printer.animates:
        yield Progress()
        return
    with Live(console=printer.stderr_console, transient=True, refresh_per_second=12) as live:
        yield _LiveTable(live)


def _print(records: Sequence[Record], request: ProbeRequest, printer: Printer) -> None:
    if printer.json_output:
        for record in records:
            printer.record(record)
        return
    if (render := _RENDERERS.get(request.output_format)) is not None:
        printer.raw(render(records))
        return
    for record in records:
        printer.answer(render_record(record, verbose=request.verbose))
    if len(records) > 1:
        printer.answer(render_ranking(list(records)))


def _print_local(request: ProbeRequest, printer: Printer) -> bool:
    record = local_record()
    record = redact(record) if request.redact else record
    printer.record(record)
    printer.answer(render_local(record))
    if not printer.json_output:
        printer.note(f"hint: name a target, or a STUN server in {_STUN_VARIABLE}")
    return True


async def _watch(
    request: ProbeRequest, source: CredentialSource, settings: ProbeSettings, printer: Printer
) -> bool:
    """Probe each `watch_s` seconds until Ctrl-C, which ends the command with 130.

    It also ends once nobody reads stdout or the metrics: whether the last round found a usable
    path to every target.

    Credentials are read anew each round: those that expire, and those in files, change.
    """
    history = History()
    targets: list[Target] = []
    async with contextlib.AsyncExitStack() as stack:
        if request.listen is not None:
            address = parse_address(request.listen, "--listen")
            await stack.enter_async_context(serve_metrics(history, address.ip, address.port))
            printer.note(f"metrics at http://{address}/metrics")
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            epoch_s = int(time.time())
            try:
                targets = await asyncio.to_thread(_targets, request, source, epoch_s)
            except VoicectlError as error:
                if not targets:
                    raise
                printer.note(f"{error.message}: going on with what was read before")
            records = await probe_all(targets, settings, epoch_s=epoch_s)
            records = [redact(each) for each in records] if request.redact else records
            history.add(records)
            _print_round(records, history, request, printer)
            if printer.stdout_closed and request.listen is None:
                return all(each["usable"] for each in records)
            await asyncio.sleep(max(0.0, began + (request.watch_s or 0.0) - loop.time()))


def _print_round(
    records: Sequence[Record], history: History, request: ProbeRequest, printer: Printer
) -> None:
    if printer.json_output or request.output_format in _RENDERERS:
        _print(records, request, printer)
        return
    table = Table(box=None, pad_edge=False, show_edge=False, show_header=False)
    for record in records:
        table.add_row(Text(record["target"]), Text(record["verdict"]["title"]), "", "")
    for target, leg, line, newest in history.lines():
        table.add_row(Text(f"  {target}"), Text(leg), Text(line), newest)
    printer.answer(table)
