"""Fills a verdict's words from the evidence."""

from voicectl.probe.evidence import LegResult
from voicectl.probe.facts import Facts
from voicectl.probe.finding import Finding
from voicectl.probe.target import TransportName

__all__ = ["Words", "fill"]


class Words(dict[str, str]):
    """What the braces in a text stand for; an unknown one is left as a dash."""

    def __missing__(self, key: str) -> str:
        return "-"

    def of(self, text: str) -> str:
        """The text with its braces filled."""
        return text.format_map(self)


def fill(facts: Facts, finding: Finding) -> Words:
    """All words that the catalogue uses, those of the finding's own leg first."""
    evidence = facts.evidence
    target = evidence.target
    words = Words(
        host=target.host,
        paths=", ".join(_path(each) for each in facts.working[:4]) or "-",
        proxy=evidence.proxy or "-",
        udp_ports=_ports(facts, TransportName.UDP),
        refused_ports=", ".join(str(each.leg.address.port) for each in facts.proxy_failures()),
    )
    _add_relay(words, facts)
    _add_quality(words, facts)
    if evidence.redirects:
        words["alternate"] = str(evidence.redirects[-1])
    if finding.leg is not None:
        _add_leg(words, finding.leg)
    words.update(finding.words)
    return words


def _path(result: LegResult) -> str:
    rtt_ms = result.rtt_ms
    took = f" {rtt_ms:.0f} ms" if rtt_ms is not None else ""
    via = " via the proxy" if result.leg.via_proxy else ""
    return f"{result.leg.transport.value} {result.leg.address.port}{via}{took}"


def _ports(facts: Facts, transport: TransportName) -> str:
    ports = {each.leg.address.port for each in facts.legs if each.leg.transport is transport}
    return ", ".join(str(each) for each in sorted(ports)) or "3478"


def _add_relay(words: Words, facts: Facts) -> None:
    proof = facts.evidence.relay
    allocation = next((each.allocation for each in facts.working if each.allocation), None)
    if proof is not None:
        words["relayed"] = str(proof.relayed)
        words["relay_ip"] = proof.relayed.ip
        words["peer"] = str(proof.second_peer if proof.second_peer_code is not None else proof.peer)
    elif allocation is not None:
        words["relayed"] = str(allocation.relayed[0])


def _add_quality(words: Words, facts: Facts) -> None:
    quality = facts.evidence.quality
    if quality is None:
        return
    delays = [each.rtt_ms_p50 for each in (quality.to_relay, quality.from_relay) if each.rtt_ms_p50]
    words["loss"] = f"{quality.loss:.1%}"
    words["rate"] = f"{quality.rate_kbps:.0f} kbit/s"
    words["jitter"] = f"{max(quality.to_relay.jitter_ms, quality.from_relay.jitter_ms):.0f} ms"
    words["delay"] = f"{sum(delays) / len(delays):.0f} ms" if delays else "-"
    if quality.slower_loss is not None and quality.slower_rate_kbps is not None:
        words["slower_loss"] = f"{quality.slower_loss:.1%}"
        words["slower"] = f"{quality.slower_rate_kbps:.0f} kbit/s"
    passing = [size for size, (_, received) in quality.sizes.items() if received]
    words["largest"] = str(max(passing, default=0))


def _add_leg(words: Words, result: LegResult) -> None:
    words["tls_place"] = f"{result.leg.server_name}:{result.leg.address.port}"
    words["closed"] = f"{result.leg.transport.value} {result.leg.address}"
    if result.failure is not None:
        words["detail"] = result.failure.detail
        words["tls_error"] = result.failure.detail
        words["offender"] = result.failure.offender or "the firewall"
    if result.refused is not None:
        words["code"] = str(result.refused.code)
    tls = result.tls
    if tls is not None and tls.chain:
        leaf = tls.chain[0]
        words["issuer"] = f'"{leaf.issuer}"'
        words["names"] = ", ".join(leaf.names[:4]) or "no name"
        words["validity"] = f"{leaf.not_before:%Y-%m-%d} to {leaf.not_after:%Y-%m-%d}"
