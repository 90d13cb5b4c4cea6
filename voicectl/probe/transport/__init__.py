"""How a leg's bytes travel: UDP, TCP, TLS, DTLS, and HTTP CONNECT before the latter two."""
