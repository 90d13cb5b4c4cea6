"""Network namespaces: client - router - internet with DNS, server and peer."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = ("ip", "nft", "turnserver", "dnsmasq", "tinyproxy")
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


def missing() -> str | None:
    """Why the lab can't be used here; None when it can."""
    if sys.platform != "linux":
        return "the lab needs Linux"
    if os.geteuid() != 0:
        return "the lab needs root for network namespaces"
    absent = [each for each in TOOLS if shutil.which(each) is None]
    if absent:
        return f"the lab needs {', '.join(absent)}"
    if not Path("/dev/net/tun").exists():
        return "the lab needs /dev/net/tun"
    return None


@dataclass(frozen=True)
class Names:
    """What is drawn anew for each lab."""

    domain: str
    turn: str
    v4_only: str
    v6_only: str
    other: str
    realm: str
    user: str
    password: str
    port: int
    server: str
    second: str
    peer: str
    server6: str
    lan: str
    seed: int

    @classmethod
    def draw(cls, seed: int) -> "Names":
        rng = random.Random(seed)

        def word() -> str:
            return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 9)))

        domain = f"{word()}.test"
        hosts = rng.sample(range(10, 250), 3)
        return cls(
            domain=domain,
            turn=f"{word()}.{domain}",
            v4_only=f"v4{word()}.{domain}",
            v6_only=f"v6{word()}.{domain}",
            other=f"other{word()}.{domain}",
            realm=f"{word()}.example",
            user=word(),
            password=word() + str(rng.randrange(1000)),
            port=rng.choice([3478, rng.randrange(3500, 9000)]),
            server=f"203.0.113.{hosts[0]}",
            second=f"203.0.113.{hosts[1]}",
            peer=f"203.0.113.{hosts[2]}",
            server6=f"2001:db8:1::{rng.randrange(0x100, 0xFFFF):x}",
            lan=f"10.{rng.randrange(1, 250)}.{rng.randrange(250)}",
            seed=seed,
        )


def run(*command: str, check: bool = True) -> None:
    subprocess.run(command, check=check, capture_output=True, text=True, timeout=30)


class Network:
    """The namespaces of one lab, named after this process. `down` ends what it began."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tag = f"vlab{os.getpid() % 100_000}"
        self.folder = Path(tempfile.mkdtemp(prefix="voicectl-lab-"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.impaired = False

    def ns(self, name: str) -> str:
        return f"{self.tag}-{name}"

    def up(self, mode: str, *, v6: bool = False, impair: tuple[str, ...] = ()) -> None:
        """Build the network. `impair` are arguments of impair.py for the client's own line."""
        for name in ("cli", "rtr", "inet", "srv", "peer"):
            self._namespace(name)
        self._internet()
        self._line(impair)
        self._client(mode, v6=v6 or mode in ("open", "v6only"))
        self._firewall(mode)

    def down(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in ("cli", "rtr", "inet", "srv", "peer"):
            run("ip", "netns", "del", self.ns(name), check=False)
            shutil.rmtree(f"/etc/netns/{self.ns(name)}", ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, name: str | None, *command: str) -> subprocess.Popen[bytes]:
        """Start a process in a namespace; it ends with the lab."""
        where = ("ip", "netns", "exec", self.ns(name)) if name else ()
        log = (self.folder / f"{Path(command[0]).name}-{len(self.processes)}.log").open("wb")
        process = subprocess.Popen(
            [*where, *command],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )
        log.close()
        self.processes.append(process)
        return process

    def nft(self, name: str, rules: str) -> None:
        subprocess.run(
            ["ip", "netns", "exec", self.ns(name), "nft", "-f", "-"],
            input=rules,
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def sysctl(self, name: str, setting: str) -> None:
        run("ip", "netns", "exec", self.ns(name), "sysctl", "-qw", setting)

    def wait_for_port(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Until the process's namespace has a listener there, UDP or TCP."""
        wanted = f":{port:04X}"
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            for table in ("udp", "tcp", "udp6", "tcp6"):
                path = Path(f"/proc/{process.pid}/net/{table}")
                lines = path.read_text().splitlines()[1:] if path.exists() else []
                if any(wanted in line.split()[1] for line in lines):
                    return
            if process.poll() is not None:
                break
            time.sleep(0.02)
        logs = "\n".join(each.read_text()[-800:] for each in self.folder.glob("*.log"))
        raise RuntimeError(f"nothing listens on {port}: {logs}")

    def _namespace(self, name: str) -> None:
        full = self.ns(name)
        run("ip", "netns", "add", full)
        run("ip", "-n", full, "link", "set", "lo", "up")
        for scope in ("all", "default"):
            self.sysctl(name, f"net.ipv6.conf.{scope}.accept_dad=0")
        folder = Path(f"/etc/netns/{full}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text("nameserver 203.0.113.253\n")

    def _link(self, first: str, first_device: str, second: str, second_device: str) -> None:
        run(
            *("ip", "-n", self.ns(first), "link", "add", first_device, "type", "veth"),
            *("peer", "name", second_device, "netns", self.ns(second)),
        )
        run("ip", "-n", self.ns(first), "link", "set", first_device, "up")
        run("ip", "-n", self.ns(second), "link", "set", second_device, "up")

    def _address(self, name: str, address: str, device: str) -> None:
        family = ("-6",) if ":" in address else ()
        no_dad = ("nodad",) if ":" in address else ()
        run(*("ip", "-n", self.ns(name), *family, "addr", "add", address, "dev", device), *no_dad)

    def _route(self, name: str, *route: str) -> None:
        family = ("-6",) if ":" in " ".join(route) else ()
        run("ip", "-n", self.ns(name), *family, "route", "add", *route)

    def _internet(self) -> None:
        names = self.names
        inet = self.ns("inet")
        run("ip", "-n", inet, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", inet, "link", "set", "br0", "up")
        places = {
            "srv": (names.server, names.second, names.server6),
            "peer": (names.peer, "2001:db8:1::20"),
            "rtr": ("203.0.113.254", "2001:db8:1::fe"),
        }
        for name, addresses in places.items():
            self._link(name, "eth0", "inet", f"p-{name}")
            run("ip", "-n", inet, "link", "set", f"p-{name}", "master", "br0")
            for address in addresses:
                prefix = "64" if ":" in address else "24"
                self._address(name, f"{address}/{prefix}", "eth0")
        self._address("inet", "203.0.113.253/24", "br0")
        self._address("inet", "2001:db8:1::53/64", "br0")
        for name in ("srv", "peer", "inet"):
            self._route(name, "198.51.100.0/24", "via", "203.0.113.254")
            self._route(name, "2001:db8:2::/64", "via", "2001:db8:1::fe")
        self.sysctl("rtr", "net.ipv4.ip_forward=1")
        self.sysctl("rtr", "net.ipv6.conf.all.forwarding=1")

    def _line(self, impair: tuple[str, ...]) -> None:
        """The client's access line: a veth pair, or two TUN devices with impair.py between."""
        if not impair:
            self._link("cli", "eth0", "rtr", "lan")
            return
        self.impaired = True
        ends = (self.ns("cli"), "eth0", self.ns("rtr"), "lan")
        self.spawn(None, sys.executable, str(HERE / "impair.py"), *ends, *impair)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = [
                subprocess.run(
                    ["ip", "-n", self.ns(ns), "link", "set", device, "up"], capture_output=True
                ).returncode
                for ns, device in (("cli", "eth0"), ("rtr", "lan"))
            ]
            if found == [0, 0]:
                return
            time.sleep(0.02)
        raise RuntimeError("impair.py did not make its devices")

    def _client(self, mode: str, *, v6: bool) -> None:
        lan = "198.51.100" if mode == "open" else self.names.lan
        self.lan = lan
        if mode != "v6only":
            self._address("rtr", f"{lan}.1/24", "lan")
            self._address("cli", f"{lan}.2/24", "eth0")
            where = ("dev", "eth0") if self.impaired else ("via", f"{lan}.1")
            self._route("cli", "default", *where)
        else:
            resolv = Path(f"/etc/netns/{self.ns('cli')}/resolv.conf")
            resolv.write_text("nameserver 2001:db8:1::53\n")
        if v6:
            self._address("rtr", "2001:db8:2::1/64", "lan")
            self._address("cli", "2001:db8:2::2/64", "eth0")
            run(
                *("ip", "-n", self.ns("cli"), "-6", "route", "add", "default"),
                *(("dev", "eth0") if self.impaired else ("via", "2001:db8:2::1")),
            )

    def _firewall(self, mode: str) -> None:
        if mode in ("open", "v6only"):
            return
        if mode != "proxyonly":
            how = "masquerade fully-random" if mode == "symmetric" else "masquerade"
            self.nft("rtr", _MASQUERADE.format(lan=self.lan, how=how))
        if rules := _RULES.get(mode):
            self.nft("rtr", rules.format(lan=self.lan))


_MASQUERADE = """
table ip nat {{
 chain post {{
  type nat hook postrouting priority 100;
  oifname "eth0" ip saddr {lan}.0/24 {how}
 }}
}}
"""
_RULES = {
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
