"""A client, its router, a small internet with DNS, a TURN server and a peer, on one machine.

Each is a network namespace of its own: it needs Linux, root, and coturn, dnsmasq, nftables and
tinyproxy. Nothing leaves the machine. `network` builds it, `servers` runs in it; `impair`,
`intercept`, `hold` and `echo` are programs that it starts.
"""
