"""`voicectl probe` as a user meets it: statuses, streams and formats."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from support.fake_servers import LoopbackTurn

from voicectl.cli.app import run as run_command

QUICK = ["--quality", "0"]


class ServerThread:
    """A good server on loopback while the command runs."""

    def __enter__(self) -> "ServerThread":
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self.server = LoopbackTurn()
        asyncio.run_coroutine_threadsafe(self.server.__aenter__(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        ended = self.server.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(ended, self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    with ServerThread() as running:
        yield running.server.uri()


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("pass\n")
    return str(path)


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Probe = Callable[..., Done]


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Probe:
    """Runs the command in this process: importing it anew for each test takes too long."""
    for name in list(os.environ):
        if "proxy" in name.lower() or name.startswith("VOICECTL"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str, stdin: str = "", **environment: str) -> Done:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["voicectl", "probe", *arguments])
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        status = run_command()
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run


def test_good_server_is_status_0_and_a_table(probe: Probe, uri: str, password: str) -> None:
    done = probe(uri, "-u", "user", "--password-file", password, *QUICK)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("  ✓ 127.0.0.41 works")
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_json_is_one_object_a_target(probe: Probe, uri: str, password: str) -> None:
    arguments = (uri, "stun:127.0.0.43:9", "-u", "user", "--password-file", password)
    done = probe(*arguments, "--json", *QUICK)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [each["verdict"]["id"] for each in records] == ["ok", "port-closed"]
    assert all(each["schema"] == "voicectl.probe/1" for each in records)


def test_wrong_password_is_status_1_and_never_printed(probe: Probe, uri: str) -> None:
    arguments = (uri, "-u", "user", "--password-file", "-", *QUICK)
    for extra in ((), ("--json",), ("--format", "junit")):
        done = probe(*arguments, *extra, stdin="hunter2-hunter2\n")
        assert done.returncode == 1
        assert "credentials-rejected" in done.stdout
        assert "hunter2" not in done.stdout + done.stderr


def test_password_may_come_from_the_environment(probe: Probe, uri: str) -> None:
    done = probe(uri, "-u", "user", "--json", *QUICK, VOICECTL_TURN_PASSWORD="pass")  # noqa: S106
    assert done.returncode == 0, done.stdout


def test_ice_servers_bring_their_own_credentials(probe: Probe, uri: str, tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    server = {"urls": [uri], "username": "user", "credential": "pass"}
    path.write_text(json.dumps({"iceServers": [server]}))
    done = probe("--ice-servers", str(path), "--json", *QUICK)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("output_format", ["junit", "prometheus", "markdown"])
def test_other_formats_are_raw_text(
    probe: Probe, uri: str, password: str, output_format: str
) -> None:
    done = probe(uri, "-u", "user", "--password-file", password, "--format", output_format, *QUICK)
    assert done.returncode == 0
    starts = {"junit": "<?xml", "prometheus": "# HELP", "markdown": "## OK"}
    assert done.stdout.startswith(starts[output_format])


@pytest.mark.parametrize(
    "arguments",
    [
        ("turn:a:b",),
        ("http://example.org",),
        ("turn:example.org", "--username", "u"),
        ("turn:example.org", "--password-file", "absent"),
        ("turn:example.org", "--token-file", "absent"),
        ("turn:example.org", "--audit"),
        ("turn:example.org", "--scan-peers"),
        ("turn:example.org", "--listen", "127.0.0.1:1"),
        ("turn:example.org", "--ca", "absent.pem"),
        ("turn:example.org", "--proxy", "socks5://x"),
        ("turn:example.org", "--peer", "nowhere"),
        ("turn:example.org", "--format", "yaml"),
        ("turn:example.org", "--quality", "-1"),
        ("--ice-servers", "absent.json"),
        ("--ice-servers", "http://example.org"),
    ],
)
def test_usage_errors_are_status_2_and_say_why(probe: Probe, arguments: tuple[str, ...]) -> None:
    done = probe(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_file_without_an_authority_is_status_3(probe: Probe, tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("nothing")
    done = probe("turns:127.0.0.41:9", "--ca", str(path))
    assert done.returncode == 3
    assert "certificate authority" in done.stderr


def test_without_a_target_local_candidates_are_listed(probe: Probe) -> None:
    done = probe("--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert record["verdict"]["id"] == "local-only"
    assert all(each["type"] == "host" for each in record["candidates"])


def test_configured_stun_server_is_used_without_a_target(probe: Probe, uri: str) -> None:
    done = probe("--json", VOICECTL_STUN=uri.replace("turn:", "stun:"))
    record = json.loads(done.stdout)
    assert record["verdict"]["id"] == "ok"
    assert record["nat"]["mapping"] == "no-nat"


def test_help_leads_with_examples(probe: Probe) -> None:
    done = probe("--help")
    assert done.returncode == 0
    assert "voicectl probe turn:turn.example.org --username alice" in done.stdout


def test_json_and_another_format_were_asked_for_at_once(probe: Probe, uri: str) -> None:
    done = probe(uri, "--json", "--format", "junit")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--json and --format junit exclude each other" in done.stderr
    assert probe("--json", "--format", "json").returncode == 0


def test_watch_prints_a_line_a_round_until_ctrl_c(uri: str, password: str) -> None:
    command = [sys.executable, "-P", "-c", "from voicectl.cli import main; main()", "probe", uri]
    options = ["-u", "user", "--password-file", password, "--watch", "1", "--json", *QUICK]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    assert [json.loads(line)["verdict"]["id"] for line in lines] == ["ok", "ok"]


def test_watch_ends_when_its_reader_has_left(uri: str, password: str) -> None:
    program = str(Path(sys.executable).with_name("voicectl"))
    options = ["-u", "user", "--password-file", password, "--watch", "1", "--json", *QUICK]
    with subprocess.Popen(
        [program, "probe", uri, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        try:
            assert process.wait(40) == 0
        finally:
            process.kill()
        assert b"stdout was closed by its reader" in process.stderr.read()
