"""A PulseAudio server of the test's own, with null sinks in place of sound cards."""

import shutil
import subprocess
from pathlib import Path

__all__ = ["PulseServer"]

PROGRAMS = ("pulseaudio", "pactl")


class PulseServer:
    """Runs in the foreground of `directory`; `PULSE_SERVER` must be set to its `address`."""

    def __init__(self, directory: Path) -> None:
        self.address = f"unix:{directory}/native"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str | None:
        """Why it cannot run here."""
        absent = [program for program in PROGRAMS if shutil.which(program) is None]
        return f"{', '.join(absent)} not installed" if absent else None

    def start(self, *sinks: str, rate_hz: int = 48000) -> None:
        """Start with null sinks of these names, and wait until it answers."""
        command = ["pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"]
        socket = f"socket={self._directory}/native"
        modules = [f"module-native-protocol-unix {socket} auth-anonymous=1"]
        modules += [f"module-null-sink sink_name={sink} rate={rate_hz}" for sink in sinks]
        for module in modules:
            command += ["-L", module]
        # With two rates to choose from, a sink would take the stream's.
        configuration = self._directory / "daemon.conf"
        rates = f"default-sample-rate = {rate_hz}\nalternate-sample-rate = {rate_hz}\n"
        configuration.write_text(rates)
        environment = {
            "PULSE_CONFIG": str(configuration),
            "PATH": "/usr/bin:/bin",
            "HOME": str(self._directory),
            "XDG_RUNTIME_DIR": str(self._directory),
        }
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            answer = self._pactl("info", wait_s=1)
            if answer is not None:
                return
        raise RuntimeError("PulseAudio does not answer")

    def remove_sink(self, name: str) -> None:
        """Pull a card out."""
        for line in (self._pactl("list", "short", "modules") or "").splitlines():
            index, _, arguments = line.partition("\t")
            if f"sink_name={name}" in arguments:
                self._pactl("unload-module", index)

    def stop(self) -> None:
        """Take all cards away; `start` may follow."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _pactl(self, *arguments: str, wait_s: float = 10) -> str | None:
        """Return its output, or None when the server did not answer."""
        try:
            result = subprocess.run(
                ["pactl", "--server", self.address, *arguments],
                capture_output=True,
                text=True,
                timeout=wait_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None
        return result.stdout if result.returncode == 0 else None
