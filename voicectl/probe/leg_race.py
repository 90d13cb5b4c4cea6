"""All legs of a target at once, until each has ended, or one works and the rest had a chance."""

import asyncio
from collections.abc import Callable

from voicectl.ice.candidate import is_private
from voicectl.probe.dns_lookup import look_up
from voicectl.probe.evidence import Leg, LegResult, Role
from voicectl.probe.leg_run import LegRun, release
from voicectl.probe.settings import ProbeSettings
from voicectl.probe.target import Scheme, Target, TransportName
from voicectl.turn.requests import UDP
from voicectl.wire.stun_attributes import TransportAddress

__all__ = ["LegRace", "preference"]

_GRACE_S = 0.75
"""What a leg gets at least once another works: a healthy network's verdict waits no longer."""
_GRACE_ROUND_TRIPS = 5
_MAXIMUM_HOPS = 3
_TRY_ALTERNATE = 300
_QUOTA_REACHED = 486
_RANK = {
    TransportName.UDP: 0,
    TransportName.DTLS: 1,
    TransportName.TCP: 2,
    TransportName.TLS: 3,
}


def preference(result: LegResult) -> tuple[bool, int, int]:
    """The order in which a browser would prefer working legs: direct, UDP, IPv4 first."""
    leg = result.leg
    return leg.via_proxy, _RANK[leg.transport], leg.address.family


class LegRace:
    """Runs legs, follows redirects, and asks again where only our own allocations stood in the way.

    `results` fills while it runs; `runs` keeps the sessions of legs that hold an allocation.
    """

    def __init__(
        self,
        target: Target,
        settings: ProbeSettings,
        started_ns: int,
        on_done: Callable[[LegRun], None],
    ) -> None:
        self.runs: list[LegRun] = []
        self.redirects: list[TransportAddress] = []
        self.loops = False
        self._target = target
        self._settings = settings
        self._started_ns = started_ns
        self._on_done = on_done
        self._proxy_address: TransportAddress | None = None

    async def run(self, legs: list[Leg]) -> None:
        """Run these, then wherever they are redirected to."""
        if any(each.via_proxy for each in legs):
            self._proxy_address = await self._look_up_proxy()
        visited = {(each.transport, each.address) for each in legs}
        for _ in range(_MAXIMUM_HOPS + 1):
            runs = [self._new_run(leg) for leg in legs]
            self.runs += runs
            await self._settle(runs)
            legs = self._redirected(runs, visited)
            if not legs:
                break
        else:
            self.loops = True
        await self._retry_after_own_quota()

    async def close(self) -> None:
        """Give every allocation back."""
        sessions = [run.session for run in self.runs if run.session is not None]
        for run in self.runs:
            run.session = None
        await asyncio.gather(*(release(each) for each in sessions))

    async def keep_only(self, kept: LegRun | None) -> None:
        """Give back the allocations of all other legs."""
        others = [run for run in self.runs if run is not kept and run.session is not None]
        await asyncio.gather(*(release(run.session) for run in others if run.session))
        for run in others:
            run.session = None

    def best(self) -> LegRun | None:
        """The working leg with an allocation that a browser would prefer."""
        working = [
            run
            for run in self.runs
            if run.result.ok and run.leg.role is Role.TARGET and run.session is not None
        ]
        return min(working, key=lambda run: preference(run.result), default=None)

    async def again(self, leg: Leg, *, relayed_transport: int = UDP) -> LegRun:
        """A second allocation over the same way, outside `runs`."""
        run = self._new_run(leg, relayed_transport)
        await run.run(self._started_ns)
        return run

    def _new_run(self, leg: Leg, relayed_transport: int = UDP) -> LegRun:
        return LegRun(
            leg,
            self._target.credentials if leg.allocates else None,
            self._settings,
            proxy_address=self._proxy_address,
            relayed_transport=relayed_transport,
        )

    async def _settle(self, runs: list[LegRun]) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        tasks = {asyncio.create_task(run.run(self._started_ns)): run for run in runs}
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                    run = tasks[task]
                    self._on_done(run)
                    if run.result.ok and run.leg.role is Role.TARGET:
                        round_trips_s = _GRACE_ROUND_TRIPS * (run.result.rtt_ms or 0) / 1000
                        for other in runs:
                            other.cut(began + max(_GRACE_S, round_trips_s))
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    def _redirected(
        self, runs: list[LegRun], visited: set[tuple[TransportName, TransportAddress]]
    ) -> list[Leg]:
        """Where 300 (Try Alternate) points, each place once."""
        legs: list[Leg] = []
        for run in runs:
            refused = run.result.refused
            if refused is None or refused.code != _TRY_ALTERNATE:
                continue
            if refused.alternate_server is None:
                continue
            place = (run.leg.transport, refused.alternate_server)
            if refused.alternate_server not in self.redirects:
                self.redirects.append(refused.alternate_server)
            if is_private(place[1].ip) and not is_private(run.leg.address.ip):
                # A server out there does not get to aim this machine at its own network.
                continue
            if place in visited:
                # Two legs may well be sent to the same place; back to where one was is a loop.
                self.loops = self.loops or place[1] == run.leg.address or run.leg.hops > 0
                continue
            visited.add(place)
            legs.append(
                Leg(
                    run.leg.transport,
                    refused.alternate_server,
                    refused.alternate_domain or run.leg.server_name,
                    run.leg.role,
                    allocates=True,
                    via_proxy=run.leg.via_proxy,
                    hops=run.leg.hops + 1,
                )
            )
        return legs

    async def _retry_after_own_quota(self) -> None:
        """Ask once more, one at a time, where 486 came while we held two allocations or more.

        Several legs at once are this probe's own doing; a quota of one is not: browsers too
        gather over several.
        """
        held = [run for run in self.runs if run.session is not None]
        refused = [
            run
            for run in self.runs
            if run.result.refused is not None and run.result.refused.code == _QUOTA_REACHED
        ]
        for run in refused:
            run.result.quota_with_own = bool(held)
        if len(held) < 2 or not refused:
            return
        await self.keep_only(self.best())
        for run in refused:
            again = await self.again(run.leg)
            if again.session is not None:
                await release(again.session)
            again.result.started_ms = run.result.started_ms
            run.result = again.result
            self._on_done(run)

    async def _look_up_proxy(self) -> TransportAddress | None:
        proxy = self._settings.proxy
        if proxy is None:
            return None
        target = Target(proxy.host, Scheme.STUN, proxy.host, proxy.port)
        lookup = await look_up(target, self._settings.clock)
        return TransportAddress(lookup.addresses[0], proxy.port) if lookup.addresses else None
