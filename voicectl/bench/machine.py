"""The machine and the build that figures come from."""

import os
import platform
import re
from importlib import metadata
from pathlib import Path

import voicectl
from voicectl import _native
from voicectl.bench.estimate import Estimate
from voicectl.bench.report import Calibration
from voicectl.errors import SetupError

__all__ = ["calibrate", "doubt_by_load", "refuse_debug_build"]

_RIVALS = ("av", "aiortc", "soxr", "webrtcvad-wheels", "onnxruntime", "numpy", "pesq", "pystoi")
_PION = Path(__file__).with_name("calls") / "pion" / "go.mod"


def refuse_debug_build() -> None:
    """Raise SetupError unless the extension was compiled with optimisation."""
    if _native.BUILD_PROFILE != "release":
        raise SetupError(
            f"the extension is a {_native.BUILD_PROFILE} build, whose figures mean nothing",
            hint="install it with `pip install .` or `maturin develop --release`",
        )


def calibrate(noise: Estimate) -> Calibration:
    """Describe this machine as it is now."""
    return Calibration(
        noise=noise,
        cpu_model=_cpu_model(),
        cores=os.cpu_count() or 1,
        load_1m=_load_1m(),
        build_profile=_native.BUILD_PROFILE,
        versions={
            "voicectl": voicectl.__version__,
            "python": platform.python_version(),
            "libopus": _native.OPUS_VERSION.removeprefix("libopus "),
            "pion/webrtc": _pion_version(),
            **{package: version for package in _RIVALS if (version := _version(package))},
        },
    )


def doubt_by_load() -> str | None:
    """A time says little where others use the cores too; a bench itself keeps two busy at most."""
    cores, load = os.cpu_count() or 1, _load_1m()
    if load is None or load <= cores:
        return None
    return f"the load average is {load:.1f} on {cores} cores"


def _pion_version() -> str:
    """Of the endpoint that the suite `calls` builds."""
    found = re.search(r"github\.com/pion/webrtc/v\d+ (\S+)", _PION.read_text(encoding="ascii"))
    return found[1] if found else "unknown"


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split("\n"):
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _load_1m() -> float | None:
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
