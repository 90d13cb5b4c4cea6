"""The table of verdicts: each rule looks at the facts and holds or not. Their order is the rank."""

from collections.abc import Callable

from voicectl.probe import rules_network as network
from voicectl.probe import rules_path as path
from voicectl.probe import rules_server as server
from voicectl.probe.facts import Facts
from voicectl.probe.finding import Finding

__all__ = ["RULES", "Finding", "Rule"]

Rule = Callable[[Facts], Finding | None]

RULES: tuple[Rule, ...] = (
    # There is nothing to talk to.
    network.dns,
    network.address_family,
    # The server talks, and says no.
    server.redirect_loop,
    server.redirect_dead_end,
    server.nonce_unstable,
    server.credentials_expired,
    server.credentials_rejected,
    server.quota,
    server.relay_ports,
    server.other_errors,
    server.credentials_missing,
    # TLS stands in the way of the only path.
    server.tls_expired_blocks,
    server.tls_name_blocks,
    server.tls_intercepted_blocks,
    server.tls_untrusted_blocks,
    server.tls_reset_blocks,
    server.tls_plain_port,
    server.tls_failed,
    # Nothing that counts was answered.
    network.proxy_authentication,
    network.proxy_refuses,
    network.proxy_broken,
    network.answers_not_authentic,
    network.not_stun,
    network.stun_filtered_blocks,
    network.srv_dead,
    network.udp_rejected_blocks,
    network.port_closed,
    network.udp_dropped_blocks,
    network.host_unreachable,
    network.no_service,
    network.host_silent,
    # A path is there, and its relay does not deliver.
    path.peer_denied,
    path.relay_address_wrong,
    path.relay_range_blocked,
    # A path is there, and something about it should be known.
    server.audit_open_relay,
    server.redirected,
    network.proxy_only,
    network.tcp_443_only,
    network.stun_filtered,
    network.udp_rejected,
    network.udp_dropped,
    path.bandwidth_capped,
    path.pmtu_black_hole,
    server.tls_expired,
    server.tls_name,
    server.tls_intercepted,
    server.tls_reset,
    path.lossy_path,
    path.nat_binding_short,
    path.nat_symmetric,
    server.audit_findings,
    path.ok,
)
