"""Probes several targets at once and judges each."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace

from voicectl.errors import UsageError
from voicectl.probe.candidates import gather_candidates
from voicectl.probe.evidence import Evidence
from voicectl.probe.report.record import SCHEMA, Record, candidate_records, make_record
from voicectl.probe.runner import probe_target
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import Scheme, Target, parse_target
from voicectl.probe.transport.proxy import is_exempt
from voicectl.probe.verdict import judge
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["local_record", "parse_address", "probe_all"]

_AT_ONCE = 4
_DEFAULT_STUN_PORT = 3478


async def probe_all(
    targets: Sequence[Target], settings: ProbeSettings, *, epoch_s: int
) -> list[Record]:
    """A record a target, in their order; four are probed at a time."""
    places = asyncio.Semaphore(_AT_ONCE)
    others = tuple(
        TransportAddress(each.host, each.port or _DEFAULT_STUN_PORT)
        for each in targets
        if each.host_is_ip and not each.scheme.secure
    )
    settings = replace(settings, other_servers=(*settings.other_servers, *others))

    async def probe(target: Target) -> Evidence:
        async with places:
            return await probe_target(target, _for_target(target, settings), epoch_s=epoch_s)

    found = await asyncio.gather(*(probe(each) for each in targets))
    return [make_record(each, judge(each)) for each in found]


def _for_target(target: Target, settings: ProbeSettings) -> ProbeSettings:
    """Without the environment's proxy where NO_PROXY names the target."""
    proxy = settings.proxy
    if proxy is None or not proxy.from_environment:
        return settings
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    return replace(settings, proxy=None) if is_exempt(target.host, no_proxy) else settings


def local_record() -> Record:
    """Without a server: the host candidates alone."""
    return {
        "schema": SCHEMA,
        "target": None,
        "usable": True,
        "verdict": {"id": "local-only"},
        "candidates": candidate_records(gather_candidates([])),
    }


def parse_address(text: str, flag: str) -> TransportAddress:
    """Read `IP:PORT` or `[IPv6]:PORT`.

    Raises:
        UsageError: it is neither.
    """
    refused = UsageError(
        f"{flag} takes IP:PORT or [IPv6]:PORT, not `{text}`",
        hint=f"for example {flag} 127.0.0.1:9108",
    )
    try:
        target = parse_target(f"{Scheme.STUN}:{text}")
    except UsageError as error:
        # What it says is of URIs.
        raise refused from error
    if not target.host_is_ip or target.port is None:
        raise refused
    return TransportAddress(target.host, target.port)
