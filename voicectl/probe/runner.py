"""Probes one target: DNS, all legs at once, NAT, relay, quality. Never over the deadline."""

import asyncio
import contextlib

from voicectl.probe.audit import audit_server
from voicectl.probe.candidates import gather_candidates
from voicectl.probe.controls import run_controls
from voicectl.probe.dns_lookup import DnsLookup, look_up
from voicectl.probe.evidence import Evidence, LegResult, NatEvidence
from voicectl.probe.leg_plan import plan_legs
from voicectl.probe.leg_race import LegRace
from voicectl.probe.leg_run import LegRun
from voicectl.probe.nat_check import check_nat, patience
from voicectl.probe.relay_stage import RelayStage
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import Target, TransportName
from voicectl.probe.transport.failure import FailureKind
from voicectl.turn.credentials import LongTermCredentials, read_rest_expiry
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["probe_target"]

_NS_PER_MS = 1_000_000
_CONTROLS_AFTER_S = 0.6
_EXTRA_FOR_LIFETIME_S = 6.0
_EXTRA_FOR_AUDIT_S = 15.0
_QUALITY_IN_DEADLINE_S = 2.0
"""The deadline has time for so much of the quality test; more of it moves the deadline."""


async def probe_target(target: Target, settings: ProbeSettings, *, epoch_s: int) -> Evidence:
    """Everything that can be seen of `target` within `settings.deadline_s`.

    What is asked for beyond the usual (a longer quality test, the NAT's lifetime, the audit) comes
    on top of it. `epoch_s` is the wall clock, which only a REST username's expiry is held against.
    """
    return await _TargetProbe(target, settings, epoch_s).run()


class _TargetProbe:
    def __init__(self, target: Target, settings: ProbeSettings, epoch_s: int) -> None:
        self._target = target
        self._settings = settings
        self._started_ns = settings.clock.now_ns()
        self._nat: asyncio.Task[NatEvidence] | None = None
        self._evidence = Evidence(target, DnsLookup(), epoch_s=epoch_s)
        self._evidence.has_credentials = target.credentials is not None
        self._evidence.pins_ca = settings.trust.ca_file is not None
        self._evidence.requested_family = settings.relay_family
        self._evidence.proxy = str(settings.proxy) if settings.proxy else None
        if isinstance(target.credentials, LongTermCredentials):
            self._evidence.rest_expiry = read_rest_expiry(target.credentials.username)
        self._race = LegRace(target, settings, self._started_ns, self._on_leg_done)

    async def run(self) -> Evidence:
        """Go through the stages and give back what the deadline left time for."""
        evidence = self._evidence
        try:
            async with asyncio.timeout(self._deadline_s()):
                await self._stages()
        except TimeoutError:
            evidence.cut_short = True
        finally:
            await _cancel(self._nat)
            await self._race.close()
        evidence.legs = [run.result for run in self._race.runs]
        evidence.total_ms = self._elapsed_ms()
        evidence.verdict_ms = evidence.verdict_ms or evidence.total_ms
        evidence.candidates = gather_candidates(evidence.legs)
        return evidence

    async def _stages(self) -> None:
        evidence, race = self._evidence, self._race
        self._step("dns")
        evidence.dns = await look_up(self._target, self._settings.clock)
        legs = plan_legs(self._target, evidence.dns, with_proxy=self._settings.proxy is not None)
        self._step("legs")
        controls = asyncio.create_task(self._run_controls())
        try:
            await race.run(legs)
            evidence.legs = [run.result for run in race.runs]
            evidence.redirects, evidence.redirect_loops = race.redirects, race.loops
            best = race.best()
            await race.keep_only(best)
            udp = [each for each in evidence.legs if _is_udp(each)]
            if any(_is_silent(each) for each in udp) and not any(each.answered for each in udp):
                await controls
        finally:
            await _cancel(controls)
        if self._nat is not None:
            evidence.nat = await self._nat
        if best is not None:
            self._step("relay")
            await RelayStage(best, race, evidence, self._settings, self._note_verdict).run()
        self._note_verdict()
        if self._settings.audit:
            self._step("audit")
            evidence.audit = await audit_server(race, best, self._settings)

    def _on_leg_done(self, run: LegRun) -> None:
        result = run.result
        self._settings.progress.leg_done(self._target.text, result)
        if self._nat is None and _is_udp(result) and result.binding is not None:
            self._nat = asyncio.create_task(self._check_nat(result))

    async def _check_nat(self, result: LegResult) -> NatEvidence:
        server = result.leg.address
        same_name = [
            TransportAddress(ip, server.port)
            for ip in self._evidence.dns.addresses
            if (":" in ip) == (server.family == 6)
        ]
        others = (*self._settings.other_servers, *same_name)
        local_ip = result.local.ip if result.local else ""
        return await check_nat(
            server, local_ip, others, self._settings, patience_s=patience(result.rtt_ms)
        )

    async def _run_controls(self) -> None:
        """Once UDP has been silent for a while, find out whether it is STUN that does not pass."""
        await asyncio.sleep(_CONTROLS_AFTER_S)
        udp = [run.result for run in self._race.runs if _is_udp(run.result)]
        silent = [each.leg.address for each in udp if _is_silent(each)]
        if silent and not any(each.answered for each in udp):
            self._evidence.controls = await run_controls(silent[0], self._settings.clock)

    def _deadline_s(self) -> float:
        deadline_s = self._settings.deadline_s
        deadline_s += max(0.0, self._settings.quality_s - _QUALITY_IN_DEADLINE_S)
        if self._settings.nat_lifetime_s is not None:
            deadline_s += self._settings.nat_lifetime_s + _EXTRA_FOR_LIFETIME_S
        return deadline_s + (_EXTRA_FOR_AUDIT_S if self._settings.audit else 0.0)

    def _step(self, name: str) -> None:
        self._settings.progress.step(self._target.text, name)

    def _note_verdict(self) -> None:
        self._evidence.verdict_ms = self._evidence.verdict_ms or self._elapsed_ms()

    def _elapsed_ms(self) -> float:
        return (self._settings.clock.now_ns() - self._started_ns) / _NS_PER_MS


def _is_udp(result: LegResult) -> bool:
    return result.leg.transport is TransportName.UDP


def _is_silent(result: LegResult) -> bool:
    if result.answered or result.skipped is not None:
        return False
    return result.failure is None or result.failed_with(FailureKind.SILENT)


async def _cancel(task: asyncio.Task[NatEvidence] | asyncio.Task[None] | None) -> None:
    if task is not None and not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
