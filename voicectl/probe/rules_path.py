"""Rules on the relayed path: whether it delivers, how well, and what the NAT does to it."""

from math import comb

from voicectl.probe.evidence import Quality
from voicectl.probe.facts import Facts
from voicectl.probe.finding import Finding

BUSY_MS = 10.0
"""Being later than this with one's own packets makes jitter that is not the network's."""
_LOSSY = 0.03
_JITTERY_MS = 30.0
_SPREAD_MS = 80.0
_SURE = 0.001
_SURE_WITH_ATTRIBUTE = 0.05
_LARGE = 1300
"""Bytes of payload that every path of 1400 bytes MTU carries, with all headers."""
_SHORT_LIFETIME_S = 30.0
"""ICE sends each 15 s at the latest (RFC 8445 §11): a mapping must outlive two of those."""


def peer_denied(facts: Facts) -> Finding | None:
    """403 for the peer."""
    if not facts.peer_denied:
        return None
    return Finding("peer-denied", None, ("Allocate worked: the server and credentials are right",))


def relay_address_wrong(facts: Facts) -> Finding | None:
    """The relay answers elsewhere than it advertises."""
    if not facts.relay_elsewhere:
        return None
    proof = facts.evidence.relay
    seen: list[str] = []
    if facts.relay_address_is_private:
        seen.append("the advertised address is private, and the server's is not")
    elif proof is not None and proof.inbound_via_server_ip:
        seen.append("the same port of the server's own address delivers: no firewall blocks it")
    if proof is not None and proof.outbound_source is not None:
        seen.append(f"the relay's own packets come from {proof.outbound_source}")
    return Finding("relay-address-wrong", None, tuple(seen))


def relay_range_blocked(facts: Facts) -> Finding | None:
    """Control plane fine, no data for any peer."""
    proof = facts.evidence.relay
    if not facts.relay_fails or facts.relay_elsewhere or proof is None:
        return None
    seen = ["Allocate and CreatePermission worked"]
    if proof.inbound_via_server_ip is False:
        seen.append("the server's own address does not deliver on that port either")
    if proof.second_peer and proof.second_peer_echoed is False:
        seen.append(f"the second peer {proof.second_peer} was not heard either")
    cannot_tell = None
    if proof.loopback:
        seen.append("two allocations reach each other inside the server")
    elif proof.loopback is False:
        seen.append("not even two allocations of the same server reach each other")
        cannot_tell = "a firewall on the server and a relay that forwards nothing"
    return Finding("relay-range-blocked", None, tuple(seen), cannot_tell=cannot_tell)


def bandwidth_capped(facts: Facts) -> Finding | None:
    """Loss that goes away at a lower rate, with a flat delay."""
    quality = facts.evidence.quality
    if quality is None or quality.slower_loss is None or quality.slower_loss > quality.loss / 2:
        return None
    bandwidth = next(
        (e.allocation.bandwidth for e in facts.working if e.allocation and e.allocation.bandwidth),
        None,
    )
    chance = _chance_of_so_few(quality)
    if chance > (_SURE if bandwidth is None else _SURE_WITH_ATTRIBUTE):
        return None
    seen = [f"were the loss random, so little at the lower rate had a chance of {chance:.1g}"]
    if quality.to_relay.rtt_ms_p95 is not None and quality.to_relay.rtt_ms_p50 is not None:
        spread = quality.to_relay.rtt_ms_p95 - quality.to_relay.rtt_ms_p50
        seen.append(f"the delay stays within {spread:.1f} ms: no queue fills up, this is policing")
    if bandwidth is not None:
        seen.append(f"the server states a limit of {bandwidth} bytes/s in its Allocate response")
    return Finding("bandwidth-capped", None, tuple(seen))


def _chance_of_so_few(quality: Quality) -> float:
    """The binomial chance of losing no more than was lost at the lower rate, at the higher's loss.

    The number of packets counted at the lower rate follows from its rate and 1.1 s of counting.
    """
    if quality.slower_loss is None or quality.slower_rate_kbps is None:
        return 1.0
    count = round(2 * quality.slower_rate_kbps * 1000 / 8 / 160 * 1.1)
    lost = round(quality.slower_loss * count)
    p = min(0.999, quality.loss)
    return sum(comb(count, k) * p**k * (1 - p) ** (count - k) for k in range(lost + 1))


def pmtu_black_hole(facts: Facts) -> Finding | None:
    """Small packets pass and large ones never."""
    quality = facts.evidence.quality
    if quality is None or not quality.sizes:
        return None
    lost = [size for size, (_, received) in quality.sizes.items() if received == 0]
    passed = [size for size, (sent, received) in quality.sizes.items() if received * 2 > sent]
    if not lost or not passed or min(lost) > _LARGE or max(passed) > min(lost):
        return None
    seen = ", ".join(f"{s} B {got}/{sent}" for s, (sent, got) in quality.sizes.items())
    return Finding("pmtu-black-hole", None, (f"payloads that arrived: {seen}",))


def lossy_path(facts: Facts) -> Finding | None:
    """Loss or jitter that voice suffers from."""
    quality = facts.evidence.quality
    if quality is None or not (quality.loss >= _LOSSY or _is_uneven(quality)):
        return None
    both = (quality.to_relay, quality.from_relay)
    reordered = sum(each.reordered for each in both)
    longest = max(each.longest_loss for each in both)
    seen = [f"{reordered} packets reordered, longest gap {longest} packets"]
    if quality.slower_loss is not None:
        seen.append(f"{quality.slower_loss:.1%} was lost at a lower rate too: no policing")
    return Finding("lossy-path", None, tuple(seen))


def _is_uneven(quality: Quality) -> bool:
    """Whether delays vary, and not because this machine was late itself."""
    if quality.sender_lag_ms > BUSY_MS:
        return False
    for each in (quality.to_relay, quality.from_relay):
        if each.jitter_ms >= _JITTERY_MS:
            return True
        if each.rtt_ms_p95 is not None and each.rtt_ms_p50 is not None:
            if each.rtt_ms_p95 - each.rtt_ms_p50 >= _SPREAD_MS:
                return True
    return False


def nat_binding_short(facts: Facts) -> Finding | None:
    """The NAT forgets before a keep-alive comes."""
    lifetime = facts.evidence.lifetime
    if lifetime is None or lifetime.gone_after_s is None:
        return None
    if lifetime.gone_after_s > _SHORT_LIFETIME_S:
        return None
    span = f"between {lifetime.alive_after_s:g} and {lifetime.gone_after_s:g} s"
    return Finding(
        "nat-binding-short",
        None,
        (f"data from the relay still came in after {lifetime.alive_after_s:g} s of silence",),
        words={"lifetime": span},
    )


def nat_symmetric(facts: Facts) -> Finding | None:
    """The mapping depends on the destination."""
    nat = facts.evidence.nat
    if nat is None or not nat.mapping.is_symmetric:
        return None
    proof = facts.evidence.relay
    seen = [f"mapping: {nat.mapping.value}, seen by {nat.method}"]
    if proof is not None and nat.method == "relay":
        seen.append(f"STUN saw {proof.peer}, the relay saw {proof.observed_peer}")
    return Finding("nat-symmetric", None, tuple(seen))


def ok(_: Facts) -> Finding:
    """Nothing else holds."""
    return Finding("ok", None)
