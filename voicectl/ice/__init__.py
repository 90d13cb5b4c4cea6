"""Candidates, pairs and NAT behaviour (RFC 8445, RFC 5780), sans-IO."""
