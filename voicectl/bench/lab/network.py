"""Network namespaces: client - router - internet with DNS, server and peer."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voicectl.bench.lab.firewalls import MASQUERADE, MODES, RULES
from voicectl.clock import SystemClock
from voicectl.errors import SetupError

__all__ = ["Names", "Network", "missing", "program", "until"]

_DEBIAN_PACKAGES = {
    "ip": "iproute2",
    "nft": "nftables",
    "turnserver": "coturn",
    "dnsmasq": "dnsmasq-base",
    "tinyproxy": "tinyproxy-bin",
}
_PLACES = ("cli", "rtr", "inet", "srv", "peer")
_NS_PER_S = 1_000_000_000


def missing() -> SetupError | None:
    """Why the lab can't be used here; None when it can."""
    if sys.platform != "linux":
        return SetupError("the lab is made of network namespaces, which are Linux's")
    if os.geteuid() != 0:
        return SetupError(
            "the lab needs root: it makes network namespaces", hint="run it with sudo"
        )
    absent = [each for each in _DEBIAN_PACKAGES if shutil.which(each) is None]
    if absent:
        packages = " ".join(_DEBIAN_PACKAGES[each] for each in absent)
        return SetupError(f"the lab needs {', '.join(absent)}", hint=f"apt install {packages}")
    if not Path("/dev/net/tun").exists():
        return SetupError("the lab needs /dev/net/tun", hint="modprobe tun, or allow the device")
    try:
        _run("ip", "netns", "add", f"vlab{os.getpid()}")
        _run("ip", "netns", "del", f"vlab{os.getpid()}")
    except SetupError as error:
        return SetupError(
            "network namespaces are not allowed here",
            detail=error.detail,
            hint="a container needs CAP_SYS_ADMIN and CAP_NET_ADMIN for the lab",
        )
    return None


def until(true: Callable[[], bool], timeout_s: float) -> bool:
    """Look each 20 ms; whether it came true in time."""
    clock, pause = SystemClock(), threading.Event()
    ends_ns = clock.now_ns() + int(timeout_s * _NS_PER_S)
    while not (came_true := true()) and clock.now_ns() < ends_ns:
        pause.wait(0.02)
    return came_true


def program(name: str, *arguments: str) -> tuple[str, ...]:
    """The command line of one of the lab's own programs."""
    return sys.executable, "-P", "-m", f"voicectl.bench.lab.{name}", *arguments


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
        """The names that belong to a seed."""
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


def _run(*command: str, check: bool = True, stdin: str = "") -> None:
    done = subprocess.run(
        command, input=stdin, check=False, capture_output=True, text=True, timeout=30
    )
    if check and done.returncode != 0:
        # Root in a container may still not be allowed to make namespaces.
        raise SetupError(
            f"the lab cannot be built: `{' '.join(command[:6])}` failed",
            detail=done.stderr.strip()[-400:],
        )


class Network:
    """The namespaces of one lab, named after this process. `down` ends what it began.

    Raises:
        SetupError: from most of its methods, if this machine does not allow it.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.tag = f"vlab{os.getpid()}"
        self.folder = Path(tempfile.mkdtemp(prefix="voicectl-lab-"))
        self.processes: list[subprocess.Popen[bytes]] = []
        self.impaired = False

    def ns(self, name: str) -> str:
        """The namespace of `cli`, `rtr`, `inet`, `srv` or `peer`."""
        return f"{self.tag}-{name}"

    def up(self, mode: str, *, v6: bool = False, impair: tuple[str, ...] = ()) -> None:
        """Build the network. `impair` are arguments of `lab.impair` for the client's own line."""
        if mode not in MODES:
            raise ValueError(f"the lab has no network `{mode}`")
        for name in _PLACES:
            self._namespace(name)
        self._internet()
        self._line(impair)
        self._client(mode, v6=v6 or mode in ("open", "v6only"))
        self._firewall(mode)

    def down(self) -> None:
        """End every process and take the namespaces away."""
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in _PLACES:
            _run("ip", "netns", "del", self.ns(name), check=False)
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
        )
        log.close()
        self.processes.append(process)
        return process

    def nft(self, name: str, rules: str) -> None:
        """Load these rules into a namespace."""
        _run("ip", "netns", "exec", self.ns(name), "nft", "-f", "-", stdin=rules)

    def sysctl(self, name: str, setting: str) -> None:
        """Set `key=value` in a namespace."""
        _run("ip", "netns", "exec", self.ns(name), "sysctl", "-qw", setting)

    def wait_for_port(self, process: subprocess.Popen[bytes], port: int) -> None:
        """Until the process's namespace has a listener there, UDP or TCP.

        Raises:
            SetupError: none after 10 s, or the process has ended.
        """
        until(lambda: process.poll() is not None or _listens(process.pid, port), 10)
        if not _listens(process.pid, port):
            logs = "\n".join(each.read_text()[-800:] for each in self.folder.glob("*.log"))
            raise SetupError(f"nothing listens on {port} in the lab", detail=logs)

    def _namespace(self, name: str) -> None:
        full = self.ns(name)
        _run("ip", "netns", "add", full)
        _run("ip", "-n", full, "link", "set", "lo", "up")
        for scope in ("all", "default"):
            self.sysctl(name, f"net.ipv6.conf.{scope}.accept_dad=0")
        folder = Path(f"/etc/netns/{full}")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text("nameserver 203.0.113.253\n")

    def _link(self, first: str, first_device: str, second: str, second_device: str) -> None:
        _run(
            *("ip", "-n", self.ns(first), "link", "add", first_device, "type", "veth"),
            *("peer", "name", second_device, "netns", self.ns(second)),
        )
        _run("ip", "-n", self.ns(first), "link", "set", first_device, "up")
        _run("ip", "-n", self.ns(second), "link", "set", second_device, "up")

    def _address(self, name: str, address: str, device: str) -> None:
        family = ("-6",) if ":" in address else ()
        no_dad = ("nodad",) if ":" in address else ()
        _run(*("ip", "-n", self.ns(name), *family, "addr", "add", address, "dev", device), *no_dad)

    def _route(self, name: str, *route: str) -> None:
        family = ("-6",) if ":" in " ".join(route) else ()
        _run("ip", "-n", self.ns(name), *family, "route", "add", *route)

    def _internet(self) -> None:
        names = self.names
        inet = self.ns("inet")
        _run("ip", "-n", inet, "link", "add", "br0", "type", "bridge")
        _run("ip", "-n", inet, "link", "set", "br0", "up")
        places = {
            "srv": (names.server, names.second, names.server6),
            "peer": (names.peer, "2001:db8:1::20"),
            "rtr": ("203.0.113.254", "2001:db8:1::fe"),
        }
        for name, addresses in places.items():
            self._link(name, "eth0", "inet", f"p-{name}")
            _run("ip", "-n", inet, "link", "set", f"p-{name}", "master", "br0")
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
        process = self.spawn(None, *program("impair", *ends, *impair))
        until(lambda: process.poll() is not None or self._line_is_up(), 5)
        if not self._line_is_up():
            raise SetupError("the lab's impaired line could not be made")

    def _line_is_up(self) -> bool:
        return all(
            subprocess.run(
                ["ip", "-n", self.ns(name), "link", "set", device, "up"],
                capture_output=True,
                check=False,
            ).returncode
            == 0
            for name, device in (("cli", "eth0"), ("rtr", "lan"))
        )

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
            _run(
                *("ip", "-n", self.ns("cli"), "-6", "route", "add", "default"),
                *(("dev", "eth0") if self.impaired else ("via", "2001:db8:2::1")),
            )

    def _firewall(self, mode: str) -> None:
        if mode in ("open", "v6only"):
            return
        if mode != "proxyonly":
            how = "masquerade fully-random" if mode == "symmetric" else "masquerade"
            self.nft("rtr", MASQUERADE.format(lan=self.lan, how=how))
        if rules := RULES.get(mode):
            self.nft("rtr", rules.format(lan=self.lan))


def _listens(pid: int, port: int) -> bool:
    try:
        if os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            return False  # `ip netns exec` has not entered the namespace yet
    except OSError:
        return False
    wanted = f":{port:04X}"
    for table in ("udp", "tcp", "udp6", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        lines = path.read_text().splitlines()[1:] if path.exists() else []
        if any(wanted in line.split()[1] for line in lines):
            return True
    return False
