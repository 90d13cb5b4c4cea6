"""Runs the installed `voicectl` as a user would."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Finished", "voicectl"]


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """stdout as JSON Lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def voicectl(*arguments: str | Path, cwd: Path | None = None, timeout_s: float = 120) -> Finished:
    """Run `voicectl ARGUMENTS` in an environment without a terminal."""
    command = [str(Path(sys.executable).with_name("voicectl")), *map(str, arguments)]
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "80"}
    finished = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout_s
    )
    return Finished(finished.returncode, finished.stdout, finished.stderr)
