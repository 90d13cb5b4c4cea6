"""What runs in the lab: coturn, dnsmasq, tinyproxy, certificates, and the probe itself."""

import datetime as dt
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from voicectl.bench.lab.certificates import issue, make_authority
from voicectl.bench.lab.network import Names, Network, program, until
from voicectl.errors import SetupError

__all__ = ["PEER_PORT", "Answer", "Lab", "epoch_s"]

PEER_PORT = 3480
"""Where `echo` listens."""
_PROXY_PORT = 3128
_LIMIT_S = 60
_NO_RECORD: dict[str, Any] = {"verdict": {"id": "none"}}


@dataclass(frozen=True)
class Answer:
    """What the probe said."""

    status: int
    """Its exit status; -1 where it had to be stopped."""
    record: dict[str, Any]
    stderr: str

    @property
    def verdict(self) -> str:
        """The id of its verdict; `none` if it printed no record."""
        return str(self.record["verdict"]["id"])


@dataclass
class Lab:
    """One network with its servers."""

    names: Names
    network: Network = field(init=False)

    def __post_init__(self) -> None:
        self.network = Network(self.names)
        self.asked: list[str] = []
        """The last probe's arguments; with its credentials, for rivals to be asked the same."""
        self.credentials: tuple[str, str] | None = None

    @property
    def folder(self) -> Path:
        """Where certificates, settings and logs are; gone with the lab."""
        return self.network.folder

    def up(self, mode: str, *, v6: bool = False, impair: tuple[str, ...] = ()) -> None:
        """Build the network, with certificates and DNS; servers are started one by one."""
        self.network.up(mode, v6=v6, impair=impair)
        self._certificates()
        self._dns()

    def down(self) -> None:
        """End everything."""
        self.network.down()

    def coturn(
        self,
        *options: str,
        ip: str | None = None,
        port: int | None = None,
        auth: tuple[str, ...] | None = None,
        certificate: str = "good",
        v6: bool = False,
        rfc5780: bool = False,
    ) -> None:
        """Start coturn with these options on top of the usual ones."""
        names = self.names
        port = names.port if port is None else port
        auth = ("--lt-cred-mech", "-u", f"{names.user}:{names.password}") if auth is None else auth
        listening = [ip or names.server]
        if rfc5780:
            listening.append(names.second)
        if v6:
            listening.append(names.server6)
        count = len(self.network.processes)
        process = self.network.spawn(
            "srv",
            *("turnserver", "-n", "--no-cli", "-f", "-r", names.realm, "-p", str(port)),
            *(word for each in listening for word in ("-L", each)),
            *auth,
            *("--cert", str(self.folder / f"{certificate}.pem")),
            *("--pkey", str(self.folder / f"{certificate}.key")),
            *("--log-file", "stdout", "--userdb", str(self.folder / f"turn{count}.sqlite")),
            *("--pidfile", str(self.folder / f"turn{count}.pid")),
            *options,
        )
        self.network.wait_for_port(process, port)

    def script(self, where: str, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one of the lab's own programs."""
        return self.network.spawn(where, *program(name, *arguments))

    def hold(self, count: int) -> None:
        """Another client takes `count` allocations."""
        names = self.names
        process = self.script(
            "peer", "hold", names.server, str(names.port), names.user, names.password, str(count)
        )
        log = self.folder / f"{Path(sys.executable).name}-{len(self.network.processes) - 1}.log"
        until(lambda: process.poll() is not None or "holding" in log.read_text(), 10)
        if "holding" not in log.read_text():
            raise SetupError("the lab's other client got no allocations", detail=log.read_text())

    def echo_peer(self) -> str:
        """Start the echoing peer; its address."""
        process = self.script("peer", "echo", str(PEER_PORT))
        self.network.wait_for_port(process, PEER_PORT)
        return f"{self.names.peer}:{PEER_PORT}"

    def proxy(self, *ports: int) -> str:
        """Start tinyproxy on the router; its URL."""
        lan = self.network.lan
        config = self.folder / "tinyproxy.conf"
        lines = [f"Port {_PROXY_PORT}", f"Listen {lan}.1", "Timeout 600", "MaxClients 50"]
        config.write_text("\n".join([*lines, *(f"ConnectPort {port}" for port in ports), ""]))
        process = self.network.spawn("rtr", "tinyproxy", "-d", "-c", str(config))
        self.network.wait_for_port(process, _PROXY_PORT)
        return f"http://{lan}.1:{_PROXY_PORT}"

    def intercept(self, port: int) -> None:
        """Put an inspecting box in front of TCP `port`."""
        self.network.nft(
            "rtr",
            f"""
table ip inspect {{
 chain inwards {{
  type nat hook prerouting priority -100;
  iifname "lan" tcp dport {port} redirect to :8443
 }}
}}
""",
        )
        files = (str(self.folder / "corp.pem"), str(self.folder / "corp.key"))
        process = self.script("rtr", "intercept", "8443", *files, self.names.server, str(port))
        self.network.wait_for_port(process, 8443)

    def probe(
        self, *arguments: str, credentials: tuple[str, str] | Literal[True] | None = True
    ) -> Answer:
        """Run the command behind the NAT, as a user would; True is the server's own user."""
        if credentials is True:
            credentials = (self.names.user, self.names.password)
        self.asked, self.credentials = list(arguments), credentials
        extra: list[str] = []
        if isinstance(credentials, tuple):
            (self.folder / "password").write_text(credentials[1] + "\n")
            extra = ["--username", credentials[0], "--password-file", str(self.folder / "password")]
        command = [
            *("ip", "netns", "exec", self.network.ns("cli")),
            *(sys.executable, "-P", "-m", "voicectl", "probe", "--json"),
        ]
        ours = ("proxy", "voicectl_")
        clean = {k: v for k, v in os.environ.items() if not any(w in k.lower() for w in ours)}
        try:
            done = subprocess.run(
                [*command, *extra, *arguments],
                check=False,
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                cwd=self.folder,
                env=clean,
            )
        except subprocess.TimeoutExpired:
            return Answer(-1, _NO_RECORD, f"no end within {_LIMIT_S} s")
        lines = done.stdout.splitlines()
        record = json.loads(lines[0]) if lines else _NO_RECORD
        return Answer(done.returncode, record, done.stderr)

    @property
    def ca(self) -> tuple[str, str]:
        """Options that make the probe trust the lab's authority."""
        return "--ca", str(self.folder / "lab-authority.pem")

    def _certificates(self) -> None:
        names = self.names
        own = [names.turn, names.v4_only, names.v6_only]
        authority = make_authority(self.folder, "lab authority")
        issue(self.folder, "good", authority, own)
        issue(self.folder, "expired", authority, own, expired=True)
        issue(self.folder, "othername", authority, [names.other])
        corporate = make_authority(self.folder, "CorpProxy Issuing CA")
        issue(self.folder, "corp", corporate, own)

    def _dns(self) -> None:
        names = self.names
        domain = names.domain
        dead = 4000 + names.seed % 500
        lines = [
            "no-resolv",
            "no-hosts",
            "bind-interfaces",
            "listen-address=203.0.113.253,2001:db8:1::53",
            "user=root",
            "pid-file=",
            "local=/test/",
            f"host-record={names.turn},{names.server},{names.server6}",
            f"host-record={names.v4_only},{names.server}",
            f"host-record={names.v6_only},{names.server6}",
            f"host-record={names.other},{names.server}",
            f"txt-record=empty.{domain},nothing here",
            f"srv-host=_turn._udp.{domain},{names.v4_only},{names.port},10,5",
            f"srv-host=_turn._tcp.{domain},{names.v4_only},{names.port},10,5",
            f"srv-host=_turn._udp.dead.{domain},{names.v4_only},{dead},10,5",
            f"naptr-record={domain},10,0,S,RELAY:turn.udp,,_turn._udp.{domain}",
            f"naptr-record={domain},20,0,S,RELAY:turn.tcp,,_turn._tcp.{domain}",
            f"txt-record=dead.{domain},no address of its own",
        ]
        config = self.folder / "dnsmasq.conf"
        config.write_text("\n".join([*lines, ""]))
        process = self.network.spawn("inet", "dnsmasq", "-k", f"--conf-file={config}")
        self.network.wait_for_port(process, 53)


def epoch_s() -> int:
    """The wall clock, which REST credentials expire by."""
    return int(dt.datetime.now(dt.UTC).timestamp())
