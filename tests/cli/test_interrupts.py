"""Ctrl-C where Python's own handling of it loses it, or takes it for something else."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import soundfile
from support.command import Finished
from support.speech import hibari_pcm

INTERRUPTED_WITHIN = """
    import os, signal, time
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    except KeyboardInterrupt:
        raise ImportError("initialization failed") from None
"""
"""What an extension makes of a Ctrl-C within its import."""


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, hibari_pcm("what is nine plus four"), 24000)
    return path


def run_with(module: str, source: str, *arguments: str | Path, cwd: Path) -> Finished:
    """Run `voicectl ARGUMENTS` where `module` is `source`."""
    shadows = cwd / "shadows"
    shadows.mkdir()
    (shadows / f"{module}.py").write_text(textwrap.dedent(source))
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("voicectl")), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "TERM": "dumb", "PYTHONPATH": str(shadows)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Finished(finished.returncode, finished.stdout, finished.stderr)


def test_ctrl_c_within_an_optional_package_s_import_is_not_a_package_that_is_missing(
    speech: Path, tmp_path: Path
) -> None:
    finished = run_with("pystoi", INTERRUPTED_WITHIN, "replay", speech, "--json", cwd=tmp_path)
    assert (finished.status, finished.stdout, finished.stderr) == (130, "", "")


def test_ctrl_c_within_the_import_of_a_dependency_is_not_our_bug(
    speech: Path, tmp_path: Path
) -> None:
    finished = run_with("soundfile", INTERRUPTED_WITHIN, "talk", "--input", speech, cwd=tmp_path)
    assert (finished.status, finished.stdout, finished.stderr) == (130, "", "")


def test_ctrl_c_while_the_commands_are_imported_is_no_traceback(tmp_path: Path) -> None:
    source = "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(30)\n"
    finished = run_with("typer", source, "devices", cwd=tmp_path)
    assert (finished.status, finished.stdout, finished.stderr) == (130, "", "")


def test_ctrl_c_in_a_library_s_callback_from_c_is_not_printed_by_it(
    speech: Path, tmp_path: Path
) -> None:
    # What soundfile reads a file with is called by libsndfile, through cffi.
    program = """
        import os, signal, sys, time
        import soundfile
        from voicectl.cli import main

        open_file = soundfile.SoundFile._init_virtual_io

        def init_virtual_io(self, file):
            class Interrupting:
                def __getattr__(self, name):
                    return getattr(file, name)

                def seek(self, *arguments):
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(0.01)
                    return file.seek(*arguments)

            return open_file(self, Interrupting())

        soundfile.SoundFile._init_virtual_io = init_virtual_io
        sys.argv = ["voicectl", "replay", sys.argv[1]]
        main()
    """
    finished = run_program(program, str(speech))
    assert (finished.status, finished.stdout, finished.stderr) == (130, "", "")


def test_ctrl_c_while_threads_hold_up_the_end_of_the_process_is_no_traceback() -> None:
    program = """
        import os, signal, sys, threading, time
        from voicectl.cli import main

        def hold_up():
            time.sleep(3)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(40)

        sys.argv = ["voicectl", "--version"]
        threading.Thread(target=hold_up).start()
        main()
    """
    finished = run_program(program)
    assert (finished.status, finished.stderr) == (130, "")
    assert finished.stdout.startswith("voicectl ")


def test_ctrl_c_while_a_model_that_hangs_is_loaded_ends_talk(tmp_path: Path) -> None:
    source = """
        import os, signal, time

        SAMPLE_RATE = 24000

        class Hibari:
            def __init__(self, **options):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(50)
    """
    finished = run_with("hibari", source, "talk", "--capture", "c", "--json", cwd=tmp_path)
    assert (finished.status, finished.stdout) == (130, "")
    assert "Traceback" not in finished.stderr
    assert finished.stderr.endswith("\nending…\n")


def run_program(program: str, *arguments: str) -> Finished:
    finished = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(program), *arguments],
        env={**os.environ, "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=45,
    )
    return Finished(finished.returncode, finished.stdout, finished.stderr)
