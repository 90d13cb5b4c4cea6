"""A network namespace, and coturn in it: nothing leaves the machine."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from voicectl.bench.lab.certificates import issue, make_authority

__all__ = ["Family", "OwnNetwork", "missing"]

Family = Literal["ipv4", "ipv6"]
IPV4, IPV6 = "10.77.0.1", "2001:db8:77::1"
TURN_HOST = "turn.voicectl.test"
TURN_PORT, TURNS_PORT = 3478, 5349
USERNAME, PASSWORD = "voicectl", "secret"
"""Of coturn."""


def missing() -> str | None:
    """Why there can be no namespace here; None when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    absent = [program for program in ("ip", "nft") if shutil.which(program) is None]
    return f"needs {', '.join(absent)}" if absent else None


class OwnNetwork:
    """A namespace named after this process; leaving it ends what was started in it."""

    def __init__(self, family: Family) -> None:
        self.name = f"vcalls{os.getpid()}"
        self.folder = Path(tempfile.mkdtemp(prefix="voicectl-calls-"))
        self._family = family
        self._hosts = Path("/etc/netns") / self.name
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._run("ip", "netns", "add", self.name)
        commands = [
            "link set lo up",
            "link add calls0 type veth peer name calls1",
            "link set calls1 up",
            f"addr add {IPV4}/24 dev calls0",
            "link set calls0 up",
            # Chromium finds its own address by where the internet would be.
            "route add default dev calls0",
        ]
        if self._family == "ipv6":
            commands.append(f"addr add {IPV6}/64 dev calls0 nodad")
            commands.append("-6 route add default dev calls0")
        for command in commands:
            self._run("ip", "-n", self.name, *command.split())
        if self._family == "ipv6":
            # Firefox gathers no candidate without an IPv4 address, so it has one that is no use.
            rules = "table ip calls { chain out { type filter hook output priority 0;"
            self._run_inside("nft", rules + " ip protocol udp drop; }; }")
        self._hosts.mkdir(parents=True)
        (self._hosts / "hosts").write_text(f"127.0.0.1 localhost\n{IPV4} {TURN_HOST}\n")
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._run("ip", "netns", "del", self.name)
        shutil.rmtree(self._hosts, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(
        self, name: str, *command: str, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a process in the namespace; what it says is in `log(name)`."""
        with self._log(name).open("wb") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **(environment or {})},
            )
        self._processes.append(process)
        return process

    def log(self, name: str) -> str:
        """What a process said so far."""
        return self._log(name).read_text(errors="replace")

    def lose(self, percent: int) -> None:
        """Lose so many of the datagrams from now on, at random."""
        rule = f"meta l4proto udp numgen random mod 100 < {percent} drop"
        chain = f"chain in {{ type filter hook input priority 0; {rule}; }}"
        self._run_inside("nft", f"table inet loss {{ {chain}; }}")

    def coturn(self, *options: str) -> None:
        """Start coturn, over UDP, TCP and TLS, and wait until it listens."""
        authority = make_authority(self.folder, "calls authority")
        issue(self.folder, "coturn", authority, [TURN_HOST])
        process = self.start(
            "coturn",
            *("turnserver", "-n", "--no-cli", "-f", "--lt-cred-mech", "-r", "voicectl.test"),
            *("-u", f"{USERNAME}:{PASSWORD}", "-L", IPV4, "-E", IPV4),
            *("-p", str(TURN_PORT), "--tls-listening-port", str(TURNS_PORT)),
            *("--cert", str(self.folder / "coturn.pem"), "--pkey", str(self.folder / "coturn.key")),
            *("--log-file", "stdout", "--userdb", str(self.folder / "turn.sqlite")),
            *("--pidfile", str(self.folder / "turn.pid"), *options),
        )
        self.wait_for(process, "coturn", lambda: self._listens(TURN_PORT))

    @property
    def authority(self) -> Path:
        """The certificate that TLS clients of coturn have to trust."""
        return self.folder / "calls-authority.pem"

    def wait_for(
        self, process: subprocess.Popen[bytes], name: str, is_ready: Callable[[], bool]
    ) -> None:
        """Poll until a process is ready; what it said is the error when it ends before."""
        ends = time.monotonic() + 20
        while not is_ready():
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"{name} is not ready:\n{self.log(name)}")
            time.sleep(0.05)

    def _listens(self, port: int) -> bool:
        return bool(self._run_inside("ss", "-Hltn", f"sport = :{port}").strip())

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _run_inside(self, *command: str) -> bytes:
        return self._run("ip", "netns", "exec", self.name, *command)

    def _run(self, *command: str) -> bytes:
        return subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
