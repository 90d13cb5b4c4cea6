"""Other people's packages, which the extra `bench` installs."""

import importlib
from typing import Any

from voicectl.errors import SetupError

__all__ = ["rival"]


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
