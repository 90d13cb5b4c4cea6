"""What a command refuses comes with a hint, and with one that fits."""

from pathlib import Path

import pytest
from support.command import voicectl


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ("probe turn:127.0.0.1 --password-file p", "needs --username", "add --username NAME"),
        ("probe turn:127.0.0.1 --listen 127.0.0.1:9108", "needs --watch", "add --watch 30"),
        (
            "probe stun:127.0.0.1 --watch 9 --listen 1",
            "--listen takes IP:PORT or [IPv6]:PORT, not `1`",
            "for example --listen 127.0.0.1:9108",
        ),
        (
            "probe --ice-servers missing.json",
            "cannot read `missing.json`: No such file or directory",
            "give --ice-servers a JSON file or an https:// URL",
        ),
        (
            "bench dsp --gate missing.toml",
            "missing.toml cannot be read: No such file or directory",
            "give --gate a TOML file: a table a suite, a number a figure",
        ),
        (
            "bench dsp --baseline missing.json",
            "missing.json cannot be read: No such file or directory",
            "save one with `voicectl bench --save FILE`",
        ),
        (
            "talk --script missing.toml",
            "missing.toml cannot be read: No such file or directory",
            "give --script a TOML file",
        ),
    ],
)
def test_flag_was_refused_without_a_hint_that_helps(
    arguments: str, error: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "p").write_text("password\n")
    finished = voicectl(*arguments.split(), cwd=tmp_path)
    assert finished.status == 2, finished.stderr
    assert error in finished.stderr
    assert "Errno" not in finished.stderr
    assert finished.stderr.rstrip().endswith(f"hint: {hint}")


def test_hint_on_a_script_s_format_names_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").touch()
    finished = voicectl("talk", "--script", "empty.toml", cwd=tmp_path)
    assert finished.status == 2
    assert Path(finished.stderr.rpartition("format: ")[2].strip()).is_file()
