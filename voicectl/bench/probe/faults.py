"""The faults: how each is set up, and the verdict and exit status it must get."""

from collections.abc import Callable
from dataclasses import dataclass

from voicectl.bench.lab.servers import PEER_PORT, Answer, Lab, epoch_s
from voicectl.turn.credentials import rest_credentials

__all__ = ["FAULTS", "Fault", "turn"]

Run = Callable[[Lab], Answer]


@dataclass(frozen=True)
class Fault:
    """A row of the table: `row` is its number in the list of 29 faults."""

    row: int
    name: str
    verdict: str
    status: int
    run: Run
    note: str | None = None
    """A note id that must be there as well."""


FAULTS: list[Fault] = []
"""All of them, in the order of their rows."""


def fault(row: int, verdict: str, status: int, note: str | None = None) -> Callable[[Run], Run]:
    """Enter a fault into the table; its function's name is its name."""

    def register(run: Run) -> Run:
        FAULTS.append(Fault(row, run.__name__, verdict, status, run, note))
        return run

    return register


def turn(lab: Lab, host: str | None = None, query: str = "") -> str:
    """The server's URI; without a port where it is the usual one."""
    names = lab.names
    port = "" if names.port == 3478 and not query else f":{names.port}"
    return f"turn:{host or names.turn}{port}{query}"


@fault(1, "udp-dropped", 0)
def udp_is_dropped_and_tcp_works(lab: Lab) -> Answer:
    lab.up("udpdrop")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@fault(1, "udp-dropped", 1)
def udp_is_dropped_and_was_asked_for(lab: Lab) -> Answer:
    lab.up("udpdrop")
    lab.coturn()
    return lab.probe(turn(lab, query="?transport=udp"), *lab.ca)


@fault(2, "udp-rejected", 0)
def udp_is_rejected(lab: Lab) -> Answer:
    lab.up("udpreject")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@fault(3, "port-closed", 1)
def nothing_listens_on_the_port(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"turn:{lab.names.turn}:{lab.names.port + 7}")


@fault(3, "port-closed", 1)
def the_server_is_down(lab: Lab) -> Answer:
    lab.up("eim")
    return lab.probe(f"turn:{lab.names.turn}")


@fault(4, "tcp-443-only", 0)
def only_tcp_443_gets_through(lab: Lab) -> Answer:
    lab.up("tcp443")
    lab.coturn("--tls-listening-port=443", port=3478)
    return lab.probe(f"turn:{lab.names.turn}", *lab.ca)


@fault(4, "tcp-443-only", 0)
def only_tcp_443_gets_through_to_a_private_authority(lab: Lab) -> Answer:
    lab.up("tcp443")
    lab.coturn("--tls-listening-port=443", port=3478)
    return lab.probe(f"turn:{lab.names.turn}")


@fault(5, "proxy-only", 0)
def only_the_proxy_gets_through(lab: Lab) -> Answer:
    lab.up("proxyonly")
    lab.coturn("--tls-listening-port=443", port=3478)
    proxy = lab.proxy(443)
    return lab.probe(f"turn:{lab.names.turn}", "--proxy", proxy, *lab.ca)


@fault(6, "proxy-refuses-port", 1)
def the_proxy_refuses_the_port(lab: Lab) -> Answer:
    lab.up("proxyonly")
    lab.coturn()
    proxy = lab.proxy(443)
    target = f"turn:{lab.names.turn}:{lab.names.port}?transport=tcp"
    return lab.probe(target, "--proxy", proxy)


@fault(7, "stun-filtered", 0)
def stun_is_filtered_by_its_cookie(lab: Lab) -> Answer:
    lab.up("stunfilter")
    lab.coturn()
    return lab.probe(turn(lab), *lab.ca)


@fault(7, "stun-filtered", 0)
def stun_is_filtered_and_the_server_has_no_dtls(lab: Lab) -> Answer:
    lab.up("stunfilter")
    lab.coturn("--no-dtls", "--no-tls")
    return lab.probe(turn(lab))


@fault(8, "tls-reset", 1)
def tls_is_reset(lab: Lab) -> Answer:
    lab.up("tlsreset")
    lab.coturn()
    return lab.probe(f"turns:{lab.names.turn}", *lab.ca)


@fault(9, "tls-intercepted", 1)
def tls_is_intercepted(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--tls-listening-port=443", port=3478)
    lab.intercept(443)
    return lab.probe(f"turns:{lab.names.turn}:443", *lab.ca)


@fault(9, "tls-intercepted", 1)
def tls_is_intercepted_and_dtls_shows_the_true_issuer(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--tls-listening-port=5349", port=3478)
    lab.intercept(5349)
    return lab.probe(f"turns:{lab.names.turn}")


@fault(10, "tls-expired", 1)
def the_certificate_has_expired(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(certificate="expired")
    return lab.probe(f"turns:{lab.names.turn}", *lab.ca)


@fault(10, "tls-expired", 0)
def the_certificate_has_expired_and_udp_works(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(port=3478, certificate="expired")
    return lab.probe(f"turn:{lab.names.turn}")


@fault(11, "tls-hostname-mismatch", 1)
def the_certificate_is_for_another_name(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"turns:{lab.names.other}", *lab.ca)


@fault(12, "tls-to-plain-port", 1)
def tls_is_spoken_to_a_plain_port(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--no-tls", "--no-dtls")
    return lab.probe(f"turns:{lab.names.turn}:{lab.names.port}", *lab.ca)


@fault(13, "credentials-rejected", 1)
def the_password_is_wrong(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab), credentials=(lab.names.user, "not-it"))


@fault(13, "credentials-rejected", 1)
def the_user_is_unknown(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab), credentials=("nobody", lab.names.password))


@fault(13, "credentials-rejected", 1)
def the_rest_secret_is_wrong(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(auth=("--use-auth-secret", "--static-auth-secret=north"))
    credentials = rest_credentials("south", lab.names.user, epoch_s() + 600)
    return lab.probe(turn(lab), credentials=(credentials.username, credentials.password))


@fault(14, "credentials-expired", 1)
def the_rest_credentials_have_expired(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(auth=("--use-auth-secret", "--static-auth-secret=north"))
    credentials = rest_credentials("north", lab.names.user, epoch_s() - 7200)
    return lab.probe(turn(lab), credentials=(credentials.username, credentials.password))


@fault(15, "nonce-unstable", 1)
def two_servers_behind_one_address_share_no_nonces(lab: Lab) -> Answer:
    lab.up("eim")
    names = lab.names
    lab.coturn()
    lab.coturn(ip=names.second)
    places = {"server": names.server, "second": names.second, "port": names.port}
    lab.network.nft("srv", _BALANCER.format(**places))
    return lab.probe(turn(lab, query="?transport=udp"))


# Each Allocate goes to the other server than the one before, once: a copy sent again is dropped,
# for the server that gave the nonce would take it. 128 bits into UDP the transaction id begins.
_BALANCER = """
table ip balance {{
 set seen {{
  typeof @th,128,32; flags dynamic; size 1024;
 }}
 chain inwards {{
  type filter hook prerouting priority raw;
  ip daddr != {server} accept
  udp dport != {port} accept
  @th,64,16 != 0x0003 accept
  @th,128,32 @seen drop
  update @seen {{ @th,128,32 }}
  ip daddr set numgen inc mod 2 map {{ 0 : {server}, 1 : {second} }}
 }}
 chain outwards {{
  type filter hook output priority raw;
  ip saddr {second} udp sport {port} ip saddr set {server}
 }}
}}
"""


@fault(16, "allocation-quota", 1)
def the_users_quota_is_used_up(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--user-quota=1")
    lab.hold(1)
    return lab.probe(turn(lab))


@fault(16, "allocation-quota", 1)
def the_servers_quota_is_used_up(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--total-quota=1")
    lab.hold(1)
    return lab.probe(turn(lab))


@fault(16, "allocation-quota", 0)
def the_users_quota_is_one_allocation(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--user-quota=1", port=3478)
    return lab.probe(f"turn:{lab.names.turn}")


@fault(17, "relay-ports-exhausted", 1)
def the_relay_ports_are_exhausted(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--min-port=50000", "--max-port=50001")
    lab.hold(6)
    return lab.probe(turn(lab))


@fault(18, "redirected", 0)
def the_server_redirects(lab: Lab) -> Answer:
    lab.up("eim")
    names = lab.names
    lab.coturn(f"--alternate-server={names.second}:{names.port}")
    lab.coturn(ip=names.second)
    return lab.probe(turn(lab))


@fault(18, "redirected", 1)
def the_server_redirects_to_a_dead_one(lab: Lab) -> Answer:
    lab.up("eim")
    names = lab.names
    lab.coturn(f"--alternate-server={names.second}:{names.port + 3}")
    return lab.probe(turn(lab))


@fault(18, "redirected", 1)
def the_server_redirects_into_a_private_network(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(f"--alternate-server={lab.names.lan}.1:{lab.names.port}")
    return lab.probe(turn(lab))


@fault(18, "redirect-loop", 1)
def two_servers_redirect_to_each_other(lab: Lab) -> Answer:
    lab.up("eim")
    names = lab.names
    lab.coturn(f"--alternate-server={names.second}:{names.port}")
    lab.coturn(f"--alternate-server={names.server}:{names.port}", ip=names.second)
    return lab.probe(turn(lab))


@fault(19, "peer-denied", 1)
def the_peer_is_denied(lab: Lab) -> Answer:
    lab.up("eim")
    peer = lab.echo_peer()
    lab.coturn(f"--denied-peer-ip={lab.names.peer}")
    return lab.probe(turn(lab), "--peer", peer)


@fault(19, "peer-denied", 1)
def our_own_network_is_denied_as_a_peer(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--denied-peer-ip=203.0.113.254")
    return lab.probe(turn(lab))


@fault(20, "relay-range-blocked", 1)
def the_relay_range_is_firewalled(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    lab.network.nft("srv", _RELAY_FIREWALL.format(device=""))
    return lab.probe(turn(lab))


@fault(20, "relay-range-blocked", 1)
def the_relay_range_is_firewalled_from_outside_alone(lab: Lab) -> Answer:
    lab.up("eim")
    peer = lab.echo_peer()
    lab.coturn()
    lab.network.nft("srv", _RELAY_FIREWALL.format(device='iifname "eth0"'))
    return lab.probe(turn(lab), "--peer", peer)


_RELAY_FIREWALL = """
table inet wall {{
 chain inwards {{
  type filter hook input priority 0;
  {device} udp dport 49152-65535 drop
 }}
}}
"""


@fault(21, "relay-address-wrong", 1)
def the_external_ip_is_wrong(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(f"--external-ip=192.0.2.99/{lab.names.server}")
    return lab.probe(turn(lab))


@fault(21, "relay-address-wrong", 1)
def the_external_ip_is_private(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(f"--external-ip=10.200.0.9/{lab.names.server}")
    return lab.probe(turn(lab))


@fault(22, "bandwidth-capped", 0)
def the_server_caps_the_bandwidth(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--max-bps=3000")
    return lab.probe(turn(lab))


@fault(23, "address-family", 1)
def the_name_has_ipv4_alone_on_an_ipv6_network(lab: Lab) -> Answer:
    lab.up("v6only")
    lab.coturn(v6=True)
    return lab.probe(turn(lab, lab.names.v4_only))


@fault(23, "address-family", 1)
def the_server_has_no_ipv6_relay(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab), "--relay-family", "ipv6")


@fault(23, "address-family", 1)
def relay_and_peer_differ_in_ip_version(lab: Lab) -> Answer:
    lab.up("eim")
    lab.echo_peer()
    lab.coturn()
    return lab.probe(turn(lab), "--peer", f"[2001:db8:1::20]:{PEER_PORT}")


@fault(24, "pmtu-black-hole", 0)
def large_packets_vanish(lab: Lab) -> Answer:
    lab.up("eim", impair=("--mtu-drop", "1200"))
    lab.coturn()
    return lab.probe(turn(lab))


@fault(25, "nat-symmetric", 0)
def the_nat_is_symmetric(lab: Lab) -> Answer:
    lab.up("symmetric")
    lab.coturn()
    return lab.probe(turn(lab))


@fault(25, "nat-binding-short", 0)
def the_nat_forgets_idle_mappings(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    for name in ("udp_timeout", "udp_timeout_stream"):
        lab.network.sysctl("rtr", f"net.netfilter.nf_conntrack_{name}=4")
    return lab.probe(turn(lab), "--nat-lifetime", "8")


@fault(26, "ok", 0, note="stun-needs-credentials")
def stun_needs_credentials(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn("--secure-stun")
    return lab.probe(turn(lab))


@fault(26, "ok", 0, note="no-rfc5780")
def there_is_no_rfc5780(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(turn(lab))


@fault(27, "dns-not-found", 1)
def the_name_does_not_exist(lab: Lab) -> Answer:
    lab.up("eim")
    return lab.probe(f"turn:nosuch.{lab.names.domain}")


@fault(27, "dns-no-address", 1)
def the_name_has_no_address(lab: Lab) -> Answer:
    lab.up("eim")
    return lab.probe(f"turn:empty.{lab.names.domain}")


@fault(27, "dns-no-service", 1)
def the_domain_has_no_srv(lab: Lab) -> Answer:
    lab.up("eim")
    return lab.probe(f"empty.{lab.names.domain}")


@fault(27, "dns-srv-dead", 1)
def srv_points_to_a_dead_port(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn()
    return lab.probe(f"dead.{lab.names.domain}")


@fault(28, "open-relay", 0)
def the_server_relays_for_anyone(lab: Lab) -> Answer:
    lab.up("eim")
    lab.coturn(auth=("--no-auth",))
    return lab.probe(turn(lab), "--audit", "--i-own-this-server", "--quality", "0")


@fault(29, "lossy-path", 0)
def the_line_is_lossy(lab: Lab) -> Answer:
    loss = ("--delay", "40", "--jitter", "15", "--loss", "5", "--seed", str(lab.names.seed))
    lab.up("eim", impair=loss)
    lab.coturn()
    return lab.probe(turn(lab))
