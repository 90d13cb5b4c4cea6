"""What `voicectl doctor` looks at on this machine."""

import importlib
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from packaging.requirements import Requirement

import voicectl
from voicectl import _native
from voicectl.device.catalog import Direction, list_devices
from voicectl.errors import VoicectlError

__all__ = ["Check", "Group", "State", "examine"]

_DEVELOPMENT_EXTRAS = frozenset({"check", "test"})


class State(StrEnum):
    """What was found."""

    OK = "ok"
    MISSING = "missing"
    OUTDATED = "outdated"
    """It is there in a version that voicectl was not made for."""
    BROKEN = "broken"
    """It is there and does not load."""


class Group(StrEnum):
    """What a check is about."""

    BUILD = "build"
    PACKAGE = "package"
    MODEL = "model"
    DEVICE = "device"
    EXTRA = "extra"
    TOOL = "tool"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    group: Group
    name: str
    state: State
    found: str | None
    """Its version, or what else tells it apart."""
    needed: bool = True
    """Whether nothing goes without it."""
    purpose: str | None = None
    """What goes better with it."""
    fix: str | None = None
    """The command that mends it."""

    @property
    def stops(self) -> bool:
        """Whether voicectl cannot do its work like this."""
        return self.needed and self.state is not State.OK


@dataclass(frozen=True)
class _Tool:
    name: str
    programs: tuple[str, ...]
    package: str
    purpose: str


_TOOLS = (
    _Tool("espeak-ng", ("espeak-ng",), "espeak-ng", "more voices for tests and benches"),
    _Tool("coturn", ("turnserver",), "coturn", "a TURN server of one's own to probe"),
    _Tool("tshark", ("tshark",), "tshark", "reads captures beside voicectl"),
    _Tool(
        "chromium",
        ("chromium", "chromium-browser", "google-chrome"),
        "chromium",
        "calls with a real browser in tests",
    ),
)


def examine() -> Iterator[Check]:
    """Look at everything, one after the other; takes a second or two."""
    yield from _build()
    yield from _packages()
    yield from _models()
    yield from _devices()
    yield from _tools()


def _build() -> Iterator[Check]:
    yield Check(Group.BUILD, "python", State.OK, platform.python_version())
    fix = "python -m pip install --force-reinstall --no-deps voicectl"
    same = _native.__version__ == voicectl.__version__
    yield Check(
        Group.BUILD,
        "extension",
        State.OK if same else State.OUTDATED,
        f"{_native.__version__} {_native.BUILD_PROFILE}",
        fix=None if same else fix,
    )
    if _native.BUILD_PROFILE == "debug":
        yield Check(
            Group.BUILD,
            "release build",
            State.MISSING,
            None,
            needed=False,
            purpose="many times the speed; benches want it",
            fix="maturin develop --release",
        )
    yield Check(Group.BUILD, "opus", State.OK, _native.OPUS_VERSION.removeprefix("libopus "))


def _packages() -> Iterator[Check]:
    """What voicectl's own metadata asks for: the ranges are written down in one place only."""
    extras = importlib.metadata.metadata("voicectl").get_all("Provides-Extra") or []
    for text in importlib.metadata.requires("voicectl") or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            yield _package(requirement, None)
            continue
        extra = next((name for name in extras if marker.evaluate({"extra": name})), None)
        if extra is not None and extra not in _DEVELOPMENT_EXTRAS:
            yield _package(requirement, extra)


def _package(requirement: Requirement, extra: str | None) -> Check:
    wanted = f"{requirement.name}{requirement.specifier}"
    state, found = _installed(requirement)
    fix = f"python -m pip install '{wanted if extra is None else f'voicectl[{extra}]'}'"
    if state is State.BROKEN:
        fix = f"python -m pip install --force-reinstall '{wanted}'"
    return Check(
        Group.PACKAGE if extra is None else Group.EXTRA,
        requirement.name,
        state,
        found,
        needed=extra is None,
        purpose=None if extra is None else f"voicectl[{extra}]",
        fix=None if state is State.OK else fix,
    )


def _installed(requirement: Requirement) -> tuple[State, str | None]:
    try:
        distribution = importlib.metadata.distribution(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return State.MISSING, None
    if not requirement.specifier.contains(distribution.version, prereleases=True):
        return State.OUTDATED, f"{distribution.version}, not {requirement.specifier}"
    for module in _modules(distribution):
        try:
            importlib.import_module(module)
        except (ImportError, OSError, AttributeError) as error:
            return State.BROKEN, f"{distribution.version}: {error}"
    return State.OK, distribution.version


def _modules(distribution: importlib.metadata.Distribution) -> list[str]:
    """The packages and modules at the top of a distribution, but for private ones."""
    tops = set()
    for file in distribution.files or []:
        top = file.parts[0]
        if len(file.parts) == 2 and file.name == "__init__.py":
            tops.add(top)
        elif len(file.parts) == 1 and top.endswith(".py"):
            tops.add(top.removesuffix(".py"))
    return sorted(top for top in tops if not top.startswith("_") and top.isidentifier())


def _models() -> Iterator[Check]:
    loaders = {"hibari voice": _load_voice, "pocketsphinx model": _load_speech_model}
    packages = ("hibari-tts", "pocketsphinx")
    for (name, load), package in zip(loaders.items(), packages, strict=True):
        try:
            load()
        except ImportError:
            state, found = State.MISSING, None
        except VoicectlError as error:
            state, found = State.BROKEN, error.message
        else:
            state, found = State.OK, "loads"
        fix = f"python -m pip install --force-reinstall {package}"
        yield Check(Group.MODEL, name, state, found, fix=None if state is State.OK else fix)


def _load_voice() -> None:
    from voicectl.agent.tts.hibari import Hibari

    Hibari().load()


def _load_speech_model() -> None:
    from voicectl.agent.stt.pocketsphinx import Pocketsphinx

    Pocketsphinx("#JSGF V1.0; grammar doctor; public <said> = hello;").load()


def _devices() -> Iterator[Check]:
    purpose = "without one `talk` holds a demo or speaks files"
    try:
        catalog = list_devices()
    except VoicectlError as error:
        yield Check(
            Group.DEVICE, "sound", State.BROKEN, error.message, needed=False, purpose=purpose
        )
        return
    for direction in Direction:
        found = catalog.devices(direction)
        names = next((device.name for device in found if device.default), None) or (
            found[0].name if found else None
        )
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield Check(
            Group.DEVICE,
            direction.noun,
            State.OK if found else State.MISSING,
            f"{names}{more}" if found else None,
            needed=False,
            purpose=None if found else purpose,
        )


def _tools() -> Iterator[Check]:
    for tool in _TOOLS:
        path = next((path for name in tool.programs if (path := shutil.which(name))), None)
        yield Check(
            Group.TOOL,
            tool.name,
            State.MISSING if path is None else State.OK,
            path,
            needed=False,
            purpose=tool.purpose,
            fix=_install_command(tool.package) if path is None else None,
        )


def _install_command(package: str) -> str | None:
    """For the package managers whose names of these packages are known."""
    if sys.platform == "darwin":
        return f"brew install {package}"
    return f"apt install {package}" if shutil.which("apt") else None
