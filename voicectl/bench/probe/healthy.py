"""Networks and servers that are well: no fault may be reported on any of them."""

from collections.abc import Callable

from voicectl.bench.lab.servers import Answer, Lab, epoch_s
from voicectl.bench.probe.faults import turn
from voicectl.turn.credentials import rest_credentials

__all__ = ["HEALTHY"]

HEALTHY: list[Callable[[Lab], Answer]] = []
"""All of them."""


def healthy(run: Callable[[Lab], Answer]) -> Callable[[Lab], Answer]:
    """Enter a variant into the table; its function's name is its name."""
    HEALTHY.append(run)
    return run


@healthy
def open_network(lab: Lab) -> Answer:
    lab.up("open")
    lab.coturn(v6=True)
    return lab.probe(turn(lab), *lab.ca)


@healthy
def open_network_and_private_authority(lab: Lab) -> Answer:
    lab.up("open")
    lab.coturn(v6=True, port=3478)
    return lab.probe(f"turn:{lab.names.turn}")


@healthy
def endpoint_independent_nat(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@healthy
def full_cone_nat(lab: Lab) -> Answer:
    lab.up("fullcone")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@healthy
def address_restricted_nat(lab: Lab) -> Answer:
    lab.up("addrcone")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@healthy
def secure_stun(lab: Lab) -> Answer:
    lab.up("open")
    lab.coturn("--secure-stun", port=3478)
    return lab.probe(f"turn:{lab.names.turn}", *lab.ca)


@healthy
def rfc5780_server(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(rfc5780=True)
    return lab.probe(turn(lab), *lab.ca)


@healthy
def rest_secret(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(auth=("--use-auth-secret", "--static-auth-secret=north"))
    credentials = rest_credentials("north", lab.names.user, epoch_s() + 3600)
    return lab.probe(turn(lab), credentials=(credentials.username, credentials.password))


@healthy
def no_tls(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--no-tls", "--no-dtls")
    return lab.probe(turn(lab))


@healthy
def no_tcp(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--no-tcp", "--no-tls", port=3478)
    return lab.probe(f"turn:{lab.names.turn}")


@healthy
def tls_named_in_the_uri(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"turns:{lab.names.turn}", *lab.ca)


@healthy
def tls_on_443(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--tls-listening-port=443")
    return lab.probe(f"turns:{lab.names.turn}:443", *lab.ca)


@healthy
def dtls_named_in_the_uri(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"turns:{lab.names.turn}?transport=udp", *lab.ca)


@healthy
def tcp_named_in_the_uri(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab, query="?transport=tcp"))


@healthy
def address_instead_of_a_name(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab, lab.names.server))


@healthy
def ipv6_alone(lab: Lab) -> Answer:
    lab.up("v6only")
    lab.coturn(v6=True)
    return lab.probe(turn(lab, lab.names.v6_only))


@healthy
def srv_records(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(lab.names.domain)


@healthy
def small_relay_range(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--min-port=50000", "--max-port=50019")
    return lab.probe(turn(lab))


@healthy
def quota_of_a_few_allocations(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--user-quota=4", "--total-quota=40", port=3478)
    return lab.probe(f"turn:{lab.names.turn}", *lab.ca)


@healthy
def second_peer_echoes(lab: Lab) -> Answer:
    lab.up("eim")
    peer = lab.echo_peer()
    lab.coturn()
    return lab.probe(turn(lab), "--peer", peer)


@healthy
def short_allocation_lifetime(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--max-allocate-lifetime=60", "--stale-nonce=60")
    return lab.probe(turn(lab))


@healthy
def private_peers_denied(lab: Lab) -> Answer:
    lab.up("eim")
    denied = ("10.0.0.0-10.255.255.255", "192.168.0.0-192.168.255.255", "127.0.0.0-127.255.255.255")
    lab.coturn(*(f"--denied-peer-ip={each}" for each in denied))
    return lab.probe(turn(lab))


@healthy
def slow_line(lab: Lab) -> Answer:
    lab.up("eim", impair=("--delay", "60", "--jitter", "4", "--seed", str(lab.names.seed)))
    lab.coturn()
    return lab.probe(turn(lab))


@healthy
def stun_alone(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"stun:{lab.names.turn}:{lab.names.port}", credentials=None)
