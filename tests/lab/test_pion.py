"""Another server than coturn: one made with Pion (Go), built here when Go and its modules are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from voicectl.bench.lab.network import missing
from voicectl.bench.lab.servers import Lab

REASON = missing() or (None if shutil.which("go") else "the Pion server needs go")
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("pion") / "pion-turn"
    done = subprocess.run(
        ["go", "build", "-o", str(built), "."],
        cwd=Path(__file__).parent / "pion",
        capture_output=True,
        text=True,
        timeout=800,
    )
    if done.returncode != 0:
        pytest.skip(f"the Pion server does not build here: {done.stderr.strip()[-200:]}")
    return built


def serve(lab: Lab, binary: Path) -> None:
    names, folder = lab.names, lab.folder
    process = lab.network.spawn(
        "srv",
        str(binary),
        *("-address", f"{names.server}:{names.port}", "-relay", names.server),
        *("-realm", names.realm, "-user", names.user, "-password", names.password),
        *("-cert", str(folder / "good.pem"), "-key", str(folder / "good.key")),
        *("-tls-address", f"{names.server}:5349"),
    )
    lab.network.wait_for_port(process, names.port)


@pytest.mark.parametrize("query", ["", "?transport=udp", "?transport=tcp"])
def test_server_made_with_pion_is_ok(lab: Lab, binary: Path, query: str) -> None:
    lab.up("eim")
    serve(lab, binary)
    answer = lab.probe(f"turn:{lab.names.v4_only}:{lab.names.port}{query}", *lab.ca)
    assert (answer.verdict, answer.status) == ("ok", 0), answer.record
    assert answer.record["relay"]["inbound"]


def test_server_made_with_pion_is_ok_over_tls(lab: Lab, binary: Path) -> None:
    lab.up("eim")
    serve(lab, binary)
    answer = lab.probe(f"turns:{lab.names.turn}:5349", *lab.ca)
    assert (answer.verdict, answer.status) == ("ok", 0), answer.record


def test_wrong_password_is_named_though_pion_says_400(lab: Lab, binary: Path) -> None:
    lab.up("eim")
    serve(lab, binary)
    target = f"turn:{lab.names.v4_only}:{lab.names.port}"
    answer = lab.probe(target, credentials=(lab.names.user, "not-it"))
    assert (answer.verdict, answer.status) == ("credentials-rejected", 1)
