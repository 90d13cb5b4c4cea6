"""Other people's packages, which the extra `bench` installs."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from voicectl.bench.report import RivalValue
from voicectl.errors import SetupError

__all__ = ["rival", "rival_values"]


def rival(module: str) -> Any:  # noqa: ANN401 (their types are theirs)
    """Import a rival's module.

    Raises:
        SetupError: it is not installed, or does not load.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SetupError(
            f"{module.partition('.')[0]} cannot be imported", hint="pip install 'voicectl[bench]'"
        ) from error


def rival_values(measured: Mapping[str, Callable[[], float]]) -> tuple[RivalValue, ...]:
    """The values of those rivals that are installed."""
    values = []
    for name, measure in measured.items():
        try:
            values.append(RivalValue(name, measure()))
        except SetupError:
            continue
    return tuple(values)
