"""The options that mean the same in every command."""

from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from voicectl.errors import UsageError

__all__ = ["JsonOption", "QuietOption", "VerboseOption", "chosen_format"]

_FormatT = TypeVar("_FormatT", bound=StrEnum)

JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print JSON to stdout, one object a line where results stream."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the answer only, no progress and no notes.")
]
VerboseOption = Annotated[
    int,
    typer.Option("--verbose", "-v", count=True, help="Say more on stderr; twice for debug logs."),
]


def chosen_format(
    given: _FormatT | None, *, json_output: bool, formats: type[_FormatT]
) -> _FormatT:
    """What `--format` and `--json` ask for; a table without either.

    Raises:
        UsageError: each asks for another.
    """
    if json_output and given not in (None, formats("json")):
        raise UsageError(
            f"--json and --format {given} exclude each other", hint="leave one of them out"
        )
    return formats("json") if json_output else given or formats("table")
