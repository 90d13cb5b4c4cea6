"""Every verdict: what it means, what to change on each side. docs/probe.md has a section each."""

from dataclasses import dataclass

__all__ = ["CATALOGUE", "Entry"]

_NOTHING = "nothing to change"


@dataclass(frozen=True, slots=True)
class Entry:
    """The words of one verdict. `{…}` are filled from the evidence."""

    title: str
    meaning: str
    network_fix: str
    server_fix: str
    cannot_tell: str | None = None


CATALOGUE: dict[str, Entry] = {
    "ok": Entry(
        "{host} works: {paths}",
        "Every leg that matters works, and the relayed address delivers.",
        _NOTHING,
        _NOTHING,
    ),
    "dns-not-found": Entry(
        "{host} does not exist in DNS (NXDOMAIN)",
        "The resolver here says that there is no such name.",
        "check the spelling, and whether the name is only known to another resolver (split DNS)",
        "publish A and AAAA records for {host}",
    ),
    "dns-no-address": Entry(
        "{host} exists in DNS and has no address",
        "The name is there; neither A nor AAAA is.",
        _NOTHING,
        "publish A and AAAA records for {host}",
    ),
    "dns-no-service": Entry(
        "{host} announces no STUN or TURN service in DNS",
        "The domain has no SRV or NAPTR records for TURN (RFC 5928), and is no server itself.",
        "give the server's URI (turn:HOST) instead of the domain",
        "publish SRV records _turn._udp, _turn._tcp and _turns._tcp for {host}",
    ),
    "dns-srv-dead": Entry(
        "the SRV records of {host} point to where nothing listens",
        "SRV was found and followed, and its target and port refuse or do not answer.",
        _NOTHING,
        "correct port and target of the SRV records, or start the server there",
    ),
    "dns-timeout": Entry(
        "DNS did not answer for {host}",
        "No resolver answered in time.",
        "check the resolvers of this machine and UDP/TCP port 53 to them",
        "check the name servers of {host} if other names resolve here",
        "a resolver that is out of reach and a domain whose name servers are",
    ),
    "dns-failure": Entry(
        "DNS failed for {host} ({outcome})",
        "The resolver answered with an error, a loop, or something that does not parse.",
        "try another resolver",
        "check delegation, CNAME chain and DNSSEC of {host}",
    ),
    "address-family": Entry(
        "{family_problem}",
        "Client, server and peer have no IP version in common where they need one.",
        "give this network the missing IP version, or NAT64 with DNS64",
        "publish both A and AAAA, and have the server listen and relay on IPv4 and IPv6",
    ),
    "udp-dropped": Entry(
        "UDP to {host} is dropped on the way; TCP gets through",
        "No STUN over UDP was answered, no ICMP came, and TCP to the same server works.",
        "allow UDP {udp_ports} to {host}; until then calls go over TCP, with more delay",
        "offer TURN over TCP and TLS 443 as well, as it does now",
        "a firewall here and one in front of the server: probe it from another network",
    ),
    "udp-rejected": Entry(
        "a firewall rejects UDP to {host}",
        "An ICMP error says at once that UDP is prohibited or cannot pass.",
        "allow UDP {udp_ports} to {host} at {offender}",
        "offer TURN over TCP and TLS 443 as well",
    ),
    "port-closed": Entry(
        "nothing listens on {closed}",
        "The host answers with ICMP port unreachable or a TCP reset to the first packet.",
        _NOTHING,
        "start the server on that port, or hand out the right port",
    ),
    "tcp-443-only": Entry(
        "only TCP 443 gets through to {host}",
        "UDP and TCP on the usual ports have no answer; TCP or TLS on 443 works.",
        "allow UDP 3478 to {host}: over TCP, lost packets stall the audio",
        "keep TURN on 443; nothing else reaches it from here",
        "a firewall here and a server that serves 443 alone and drops the rest",
    ),
    "proxy-only": Entry(
        "{host} is reachable only through the proxy {proxy}",
        "No direct leg gets through; CONNECT through the proxy does.",
        "allow UDP 3478, or at least TCP 443, directly to {host}",
        "keep TLS on 443: most proxies allow CONNECT to no other port",
    ),
    "proxy-refuses-port": Entry(
        "the proxy {proxy} refuses CONNECT to {refused_ports}",
        "The proxy answers CONNECT with an HTTP error, and there is no other way.",
        "allow CONNECT to {host} {refused_ports} on the proxy",
        "serve TURN over TLS on 443, the one port that proxies allow",
    ),
    "proxy-authentication": Entry(
        "the proxy {proxy} wants credentials",
        "The proxy answers CONNECT with HTTP 407.",
        "put http://user:password@{proxy} into HTTPS_PROXY, or exempt {host}",
        _NOTHING,
    ),
    "proxy-broken": Entry(
        "the proxy {proxy} does not do what it says",
        "It is out of reach, stays silent, does not speak HTTP, or passes no bytes after its 200.",
        "check the proxy's address, and that it is an HTTP proxy that may CONNECT",
        _NOTHING,
    ),
    "stun-filtered": Entry(
        "STUN over UDP to {host} is filtered; other UDP passes",
        "A packet inspection drops what carries the STUN magic cookie.",
        "exempt STUN to {host} from packet inspection",
        "offer TURN over TLS 443 and over DTLS, where the cookie is not visible",
    ),
    "tls-reset": Entry(
        "TLS to {tls_place} is cut with a reset right after the ClientHello",
        "TCP opens, and a reset answers the first bytes of TLS.",
        "exempt {host} from TLS filtering: an inspection box resets what it does not like",
        "if it happens from every network, check that TLS is set up on that port",
        "an inspection box and a server that crashes on TLS, without a second network",
    ),
    "tls-intercepted": Entry(
        "TLS to {tls_place} is intercepted: the certificate is issued by {issuer}",
        "The certificate comes from an authority that is not the server's.",
        "exempt {tls_place} from TLS inspection",
        _NOTHING,
    ),
    "tls-untrusted": Entry(
        "the certificate at {tls_place} is issued by {issuer}, which is not trusted here",
        "The chain ends in no authority that this machine trusts.",
        "give the server's authority with --ca, or exempt {tls_place} from TLS inspection",
        "send the whole chain, from a public authority: browsers accept no other",
        "a private or incomplete chain, and interception by a box whose authority is not installed",
    ),
    "tls-expired": Entry(
        "the certificate at {tls_place} is out of date ({validity})",
        "The current time is outside the certificate's validity.",
        "check this machine's clock",
        "renew the certificate and reload the server",
    ),
    "tls-hostname-mismatch": Entry(
        "the certificate at {tls_place} is for {names}, not for {host}",
        "None of the certificate's names is the one that was asked for.",
        "use one of the names that the certificate has",
        "issue a certificate that names {host}",
    ),
    "tls-to-plain-port": Entry(
        "{tls_place} speaks plain TURN, not TLS",
        "The ClientHello has no answer, and plain STUN over TCP to the same port does.",
        "use turn:…?transport=tcp for that port, or the server's TLS port (usually 5349 or 443)",
        "set up a certificate, or hand out turn: instead of turns: for that port",
    ),
    "tls-failed": Entry(
        "TLS to {tls_place} fails: {tls_error}",
        "The handshake ends with an alert, or what answers is not TLS.",
        _NOTHING,
        "check the TLS versions, ciphers and the certificate of that port",
    ),
    "credentials-missing": Entry(
        "{host} asks for credentials and none were given",
        "Allocate is answered with 401.",
        "give --username with --password-file, or --secret-file",
        _NOTHING,
    ),
    "credentials-rejected": Entry(
        "{host} rejects the credentials",
        "A signed Allocate is answered with 401.",
        "check username and password",
        "check that user, realm and shared secret are the ones in use",
        "an unknown user, a wrong password or secret, an old token and another realm look alike",
    ),
    "credentials-expired": Entry(
        "the REST credentials have expired {expired_ago}",
        "A signed Allocate is answered with 401, and the username states an expiry that is past.",
        "fetch new credentials, and check this machine's clock",
        "hand out credentials that outlive a call; the expiry is in seconds, not milliseconds",
    ),
    "nonce-unstable": Entry(
        "{host} never accepts its own nonce (438 each time)",
        "Every retry with the newest nonce is answered with 438 again.",
        _NOTHING,
        "several servers behind one address do not share nonces: balance by client address",
    ),
    "credentials-mixed": Entry(
        "{host} says that the credentials belong to another allocation (441)",
        "Allocation and request were made with different credentials.",
        _NOTHING,
        "keep one client on one server and one set of credentials for the life of a call",
    ),
    "allocation-quota": Entry(
        "{host} gives out no more allocations (486)",
        "The user's or the whole server's quota of allocations is used up.",
        "end other calls of this user",
        "raise user-quota and total-quota: a browser makes several allocations at once",
    ),
    "relay-ports-exhausted": Entry(
        "{host} has no relay port left (508)",
        "The server cannot make another relay socket.",
        _NOTHING,
        "widen min-port to max-port, and look for allocations that are never released",
    ),
    "allocation-forbidden": Entry(
        "{host} forbids the allocation (403)",
        "The server knows us and refuses by policy.",
        _NOTHING,
        "check the server's policy for this user and this network",
    ),
    "transport-unsupported": Entry(
        "{host} does not relay over UDP (442)",
        "The requested transport between relay and peer is not supported.",
        _NOTHING,
        "enable UDP relaying",
    ),
    "server-error": Entry(
        "{host} answers Allocate with {code}",
        "An error that is none of the above.",
        _NOTHING,
        "look for that error in the server's log",
    ),
    "redirected": Entry(
        "{host} redirects to {alternate}",
        "Allocate is answered with 300 (Try Alternate) and an address.",
        "allow {alternate} as well as {host}",
        "hand out the alternate directly: many clients do not follow a redirect",
    ),
    "redirect-loop": Entry(
        "{host} redirects in a circle",
        "300 (Try Alternate) leads back to a server that redirected before, or on without end.",
        _NOTHING,
        "correct alternate-server: the servers send clients to each other",
    ),
    "peer-denied": Entry(
        "{host} relays, but not to {peer} (403)",
        "The allocation stands; the permission for the peer is refused.",
        _NOTHING,
        "take the peer's network out of denied-peer-ip, or into allowed-peer-ip",
    ),
    "relay-range-blocked": Entry(
        "no data gets through the relay ports of {host} ({relayed})",
        "Allocation and permission work, and no peer's data arrives at the relayed address.",
        "allow UDP 49152-65535 to {relay_ip}",
        "allow inbound UDP on the whole relay range (min-port to max-port) in its firewall",
        "a firewall at the server and one here that keeps our own peer from the relay range",
    ),
    "relay-address-wrong": Entry(
        "{host} advertises a relay address that is not its own: {relayed}",
        "Data sent to the advertised address is lost; the relay itself is elsewhere.",
        _NOTHING,
        "set external-ip to the address that the world reaches the relay by",
    ),
    "bandwidth-capped": Entry(
        "{host} caps the bandwidth: {loss} of voice is lost at {rate}, {slower_loss} at {slower}",
        "Loss is steady and the delay flat at voice's rate, and gone at a lower one: policing.",
        "check for a policer on this network if other servers show the same",
        "raise max-bps and bps-capacity to at least 16 000 bytes/s a call (64 kbit/s and headers)",
        "a policer at the server and one on the way",
    ),
    "pmtu-black-hole": Entry(
        "packets above {largest} bytes vanish on the way to {host}",
        "Small packets pass and large ones never do, without an ICMP error.",
        "let ICMP 3/4 (and ICMPv6 type 2) through, or clamp the MSS and lower the MTU of tunnels",
        "keep DTLS and RTP packets below 1200 bytes",
    ),
    "lossy-path": Entry(
        "the path to {host} is lossy or uneven: {loss} lost, jitter {jitter}, delay {delay}",
        "Random loss or jitter that voice will suffer from, at any rate.",
        "look for Wi-Fi, a full uplink or a bad line between here and {host}",
        "offer a server nearer to the users",
    ),
    "nat-symmetric": Entry(
        "the NAT here is symmetric: direct calls fail, and the relay carries them",
        "Each destination gets another mapped port, so a peer cannot use the one STUN found.",
        "set the NAT to endpoint-independent mapping (RFC 4787 REQ-1) if calls should go direct",
        _NOTHING,
    ),
    "nat-binding-short": Entry(
        "the NAT here forgets an idle UDP mapping {lifetime}",
        "Data from outside no longer comes in after that silence.",
        "raise the UDP timeout to two minutes or more (RFC 4787 REQ-5)",
        _NOTHING,
    ),
    "open-relay": Entry(
        "{host} relays for anyone: Allocate works without credentials",
        "Strangers may send through this server.",
        _NOTHING,
        "enable lt-cred-mech or use-auth-secret, and remove no-auth",
    ),
    "audit-findings": Entry(
        "{host} works, and allows what it should not",
        "The audit found permissions or credentials that open a way into the server's network.",
        _NOTHING,
        "deny loopback, link-local, private and own addresses with denied-peer-ip",
    ),
    "not-stun": Entry(
        "something at {host} answers, and not in STUN",
        "The answers do not parse as STUN.",
        "check that no captive portal or other service answers in the server's place",
        "check which service listens on that port",
    ),
    "answers-not-authentic": Entry(
        "answers came from {host}, and none was authentic",
        "Success responses carry no valid MESSAGE-INTEGRITY, or answer nothing that was asked.",
        "look for a device that rewrites STUN (a SIP ALG), or someone who forges answers",
        "sign every response to a signed request (RFC 8489 §9.2.4)",
    ),
    "host-unreachable": Entry(
        "{host} is out of reach: {detail}",
        "A router or this machine says that there is no way there.",
        "check routes and firewalls between here and {host}",
        "check that the server's network is up",
    ),
    "host-silent": Entry(
        "nothing at {host} answers",
        "UDP and TCP to every port that was tried have no answer, and no ICMP came.",
        "check that this network allows UDP 3478 or TCP 443 to {host}",
        "check that the server is up and its firewall open",
        "a dead server and a firewall that drops everything",
    ),
    "local-only": Entry(
        "no server was given: only local candidates were gathered",
        "Without a STUN server nothing can be said about the NAT.",
        _NOTHING,
        _NOTHING,
    ),
}
