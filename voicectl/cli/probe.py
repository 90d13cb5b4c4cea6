"""`voicectl probe`: which leg of STUN, TURN or ICE fails, why, and what to change."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from voicectl.cli.exit_status import ExitStatus
from voicectl.cli.options import JsonOption, QuietOption, VerboseOption, chosen_format
from voicectl.cli.output import Printer

__all__ = ["HELP", "probe"]

HELP = """
Find out which leg of STUN, TURN or ICE fails, why, and what to change.

A target is a stun:, stuns:, turn: or turns: URI, or a domain with SRV records. Without one the
local candidates are listed, and the NAT is examined if VOICECTL_STUN names a STUN server. The
exit status is 0 when every target has a usable path and 1 when one has none.

\b
Examples:
  voicectl probe turn:turn.example.org --username alice --password-file pw
  voicectl probe turns:turn.example.org:443 --secret-file rest-secret --json
  voicectl probe example.org stun:192.0.2.1 --proxy http://proxy.corp:3128
  voicectl probe --ice-servers servers.json --format junit > probe.xml
  voicectl probe turn:turn.example.org --secret-file s --watch 30 --listen 127.0.0.1:9108
"""


class Format(StrEnum):
    """How the answer is written."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"
    PROMETHEUS = "prometheus"
    MARKDOWN = "markdown"


class RelayFamily(StrEnum):
    """Which relayed address to ask for."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


def probe(  # noqa: D417 - each option's help is its documentation
    targets: Annotated[
        list[str] | None, typer.Argument(metavar="URI|DOMAIN", show_default=False)
    ] = None,
    username: Annotated[
        str | None,
        typer.Option("--username", "-u", metavar="NAME", help="The TURN user, or REST label."),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Its password; `-` is stdin. Or set VOICECTL_TURN_PASSWORD.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file",
            metavar="FILE",
            help="The shared secret of REST credentials. Or set VOICECTL_TURN_SECRET.",
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            help="An OAuth token (RFC 7635) as its server's JSON. Or set VOICECTL_TURN_TOKEN.",
        ),
    ] = None,
    ice_servers: Annotated[
        str | None,
        typer.Option(
            "--ice-servers", metavar="FILE|URL", help="Targets from a browser's iceServers JSON."
        ),
    ] = None,
    proxy: Annotated[
        str | None,
        typer.Option(
            "--proxy",
            metavar="URL",
            help="An HTTP proxy for TCP and TLS. Default: HTTPS_PROXY; `none` for no proxy.",
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", metavar="FILE", help="Trust these authorities (PEM), and no others."),
    ] = None,
    peer: Annotated[
        str | None,
        typer.Option("--peer", metavar="IP:PORT", help="A UDP echo to reach through the relay."),
    ] = None,
    relay_family: Annotated[
        RelayFamily | None, typer.Option("--relay-family", help="Ask for such a relayed address.")
    ] = None,
    quality_s: Annotated[
        float,
        typer.Option(
            "--quality", metavar="SECONDS", min=0, max=5, help="Measure so long; 0 leaves it out."
        ),
    ] = 2.0,
    nat_lifetime_s: Annotated[
        float | None,
        typer.Option(
            "--nat-lifetime",
            metavar="SECONDS",
            min=1,
            max=600,
            help="How long an idle NAT mapping lives, up to so long. Takes that long.",
        ),
    ] = None,
    sha256: Annotated[
        bool, typer.Option("--sha256", help="Use SHA-256 and USERHASH where offered (RFC 8489).")
    ] = False,
    audit: Annotated[
        bool,
        typer.Option("--audit", help="Ask the server for what it should refuse. Your own only."),
    ] = False,
    owned: Annotated[
        bool, typer.Option("--i-own-this-server", help="Say so; --audit demands it.")
    ] = False,
    scan_peers: Annotated[
        bool, typer.Option("--scan-peers", help="With --audit: RFC 6062 as a port scanner.")
    ] = False,
    watch_s: Annotated[
        float | None,
        typer.Option("--watch", metavar="SECONDS", min=1, help="Probe again and again."),
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="IP:PORT", help="With --watch: serve /metrics there."),
    ] = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Blank internal addresses and realms.")
    ] = False,
    output_format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="How to write the answer; a table by default."),
    ] = None,
    json_output: JsonOption = False,
    quiet: QuietOption = False,
    verbosity: VerboseOption = 0,
) -> None:
    """Probe the targets and end with 0 or 1."""
    # dnspython and OpenSSL take a while to import: `voicectl --help` does not wait for them.
    from voicectl.cli.probe_run import ProbeRequest, run_probe

    chosen = chosen_format(output_format, json_output=json_output, formats=Format)
    printer = Printer(json_output=chosen is Format.JSON, quiet=quiet, verbosity=verbosity)
    request = ProbeRequest(
        targets=tuple(targets or ()),
        username=username,
        password_file=password_file,
        secret_file=secret_file,
        token_file=token_file,
        ice_servers=ice_servers,
        proxy=proxy,
        ca=ca,
        peer=peer,
        relay_family={"ipv4": 4, "ipv6": 6}.get(relay_family.value) if relay_family else None,
        quality_s=quality_s,
        nat_lifetime_s=nat_lifetime_s,
        sha256=sha256,
        audit=audit,
        owned=owned,
        scan_peers=scan_peers,
        watch_s=watch_s,
        listen=listen,
        redact=redact,
        output_format=chosen.value,
        verbose=verbosity > 0,
    )
    if not run_probe(request, printer):
        raise typer.Exit(ExitStatus.NO)
