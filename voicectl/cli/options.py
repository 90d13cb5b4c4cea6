"""The options that mean the same in every command."""

from typing import Annotated

import typer

__all__ = ["JsonOption", "QuietOption", "VerboseOption"]

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
