"""NATs and firewalls of the lab's router, as nftables rules. `{lan}` is the client's network."""

__all__ = ["MASQUERADE", "MODES", "RULES"]

MODES = (
    "open",
    "eim",
    "fullcone",
    "addrcone",
    "symmetric",
    "udpdrop",
    "udpreject",
    "tcp443",
    "proxyonly",
    "stunfilter",
    "tlsreset",
    "v6only",
)
"""The networks there are. `eim` is a port-restricted NAT; `fullcone` and `addrcone` filter less."""

MASQUERADE = """
table ip nat {{
 chain post {{
  type nat hook postrouting priority 100;
  oifname "eth0" ip saddr {lan}.0/24 {how}
 }}
}}
"""
RULES = {
    "fullcone": """
table ip cone {{
 chain inwards {{
  type nat hook prerouting priority -100;
  iifname "eth0" udp dport 1024-65535 dnat to {lan}.2
 }}
}}
""",
    "addrcone": """
table ip cone {{
 set seen {{
  type ipv4_addr . inet_service; flags dynamic,timeout; timeout 120s;
 }}
 chain outwards {{
  type filter hook forward priority 0;
  iifname "lan" meta l4proto udp update @seen {{ ip daddr . udp sport }}
 }}
 chain inwards {{
  type nat hook prerouting priority -100;
  iifname "eth0" ip saddr . udp dport @seen dnat to {lan}.2
 }}
}}
""",
    "udpdrop": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0;
  iifname "lan" udp dport != 53 drop
 }}
}}
""",
    "udpreject": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0;
  iifname "lan" udp dport != 53 reject with icmpx admin-prohibited
 }}
}}
""",
    "tcp443": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0;
  iifname "lan" ct state new udp dport 53 accept
  iifname "lan" ct state new tcp dport 443 accept
  iifname "lan" ct state new drop
 }}
}}
""",
    "proxyonly": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0; policy drop;
 }}
}}
""",
    "stunfilter": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0;
  iifname "lan" meta l4proto udp @th,96,32 0x2112a442 drop
 }}
}}
""",
    "tlsreset": """
table inet wall {{
 chain through {{
  type filter hook forward priority 0;
  iifname "lan" tcp dport {{ 443, 5349 }} tcp flags & (psh|ack) == psh|ack reject with tcp reset
 }}
}}
""",
}
