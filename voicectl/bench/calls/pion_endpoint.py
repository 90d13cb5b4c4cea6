"""Pion's endpoint, built where Go is, on the libopus that there is."""

import ctypes
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import voicectl
from voicectl._native import OPUS_VERSION
from voicectl.bench.calls.endpoint_process import endpoints_core
from voicectl.errors import SetupError

__all__ = ["PionEndpoint", "build_pion"]

SOURCE = Path(__file__).with_name("pion")
BUILD_TIMEOUT_S = 600


@dataclass(frozen=True)
class PionEndpoint:
    """A program that serves calls as `endpoint` does."""

    program: Path
    opus: str
    """Which libopus it uses."""
    gomaxprocs: int
    """Cores that it runs Go on."""


def build_pion(directory: Path) -> PionEndpoint:
    """Compile it into `directory`.

    Raises:
        SetupError: There is no Go, no libopus to link with, or it does not build.
    """
    go = shutil.which("go")
    if go is None:
        raise SetupError("Pion's endpoint needs go", hint="install Go 1.24 or later")
    library, flags, opus = _libopus()
    program = directory / "pion"
    environment = os.environ | {"CGO_ENABLED": "1", "CGO_LDFLAGS": f"{library} {flags}"}
    # The package may lie where nobody may write.
    source = shutil.copytree(SOURCE, directory / "source", dirs_exist_ok=True)
    done = subprocess.run(
        [go, "build", "-o", str(program), "."],
        cwd=source,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SetupError(f"Pion's endpoint does not build: {last}")
    with endpoints_core():
        cores = subprocess.run([program, "gomaxprocs"], check=True, capture_output=True, timeout=10)
    return PionEndpoint(program, opus, int(cores.stdout))


def _libopus() -> tuple[Path, str, str]:
    """The library, flags to link with it, and what to call it.

    In a checkout that was built here it is the very library that voicectl has, otherwise the one
    that PyAV brings.
    """
    root = Path(voicectl.__file__).parent.parent
    built = root.glob("target/release/build/opusic-sys-*/out/lib/libopus.a")
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    if newest is not None:
        return newest, "-lm", f"{OPUS_VERSION}, voicectl's own"
    import av

    bundled = Path(av.__file__).parent.parent / "av.libs"
    shared = next(iter(bundled.glob("libopus-*.so*")), None)
    if shared is None:
        raise SetupError("Pion's endpoint finds no libopus: PyAV's wheel brings none here")
    version = ctypes.CDLL(str(shared)).opus_get_version_string
    version.restype = ctypes.c_char_p
    return shared, f"-Wl,-rpath,{bundled}", f"{version().decode()}, PyAV's"
