"""Chromium and Firefox call us, and hear their own tone again."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from support.own_network import OwnNetwork, missing
from support.real_calls import (
    PATHS,
    Echo,
    call_seconds,
    check_counts,
    check_feedback,
    check_tone,
    check_trickled,
)

FRAME_SAMPLES = 960
PAGE = Path(__file__).with_name("call.html")
pytestmark = [
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
    pytest.mark.timeout(120),
]
CHROMIUM = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
--disable-background-networking --disable-component-update
--disable-features=WebRtcHideLocalIpsWithMdns
--use-fake-ui-for-media-stream --use-fake-device-for-media-stream
--autoplay-policy=no-user-gesture-required --remote-debugging-port=0
""".split()
FIREFOX = """
user_pref("media.navigator.streams.fake", true);
user_pref("media.navigator.permission.disabled", true);
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("media.peerconnection.ice.obfuscate_host_addresses", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""


def chromium(network: OwnNetwork, url: str, program: str) -> subprocess.Popen[bytes]:
    profile = f"--user-data-dir={network.folder}/chromium"
    return network.start("chromium", program, *CHROMIUM, profile, url)


def firefox(network: OwnNetwork, url: str, program: str) -> subprocess.Popen[bytes]:
    profile = network.folder / "firefox"
    profile.mkdir()
    (profile / "user.js").write_text(FIREFOX)
    command = (program, "--headless", "--no-remote", "--profile", str(profile), url)
    environment = {"HOME": str(network.folder), "MOZ_CRASHREPORTER_DISABLE": "1"}
    return network.start("firefox", *command, environment=environment)


USUAL_PATHS = ("ipv4", "ipv6", "relay-udp")
Launch = Callable[[OwnNetwork, str, str], subprocess.Popen[bytes]]
BROWSERS: list[tuple[str, Launch, str]] = [
    ("chromium", chromium, "oscillator"),
    # Without a sound device its AudioContext stands still, but the fake microphone is a tone.
    ("firefox-esr", firefox, "microphone"),
]


def on_request(path: str) -> Any:
    """A path that a browser has no part in: what goes over it is our end's and coturn's."""
    reason = "set VOICECTL_CALL_SECONDS: Pion's client calls over this path too"
    left_out = "VOICECTL_CALL_SECONDS" not in os.environ
    return pytest.param(path, marks=pytest.mark.skipif(left_out, reason=reason))


def recorded(path: Path) -> np.ndarray:
    """A browser's recording, at 48 kHz mono."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    with av.open(str(path)) as container:
        frames = [f for each in container.decode(audio=0) for f in resampler.resample(each)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


@pytest.mark.parametrize(
    "path", [path if path in USUAL_PATHS else on_request(path) for path in PATHS]
)
@pytest.mark.parametrize(("browser", "launch", "source"), BROWSERS, ids=[b[0] for b in BROWSERS])
def test_tone_of_a_browser_comes_back_clean(
    browser: str, launch: Launch, source: str, path: str, tmp_path: Path
) -> None:
    program = shutil.which(browser)
    if program is None:
        pytest.skip(f"needs {browser}")
    seconds = call_seconds(path)
    with Echo(path, tmp_path, PAGE).running() as echo:
        url = f"{echo.url}/?seconds={seconds}&source={source}"
        process = launch(echo.network, url, program)
        end = echo.finish(process, browser.partition("-")[0], seconds + 60)
    assert "error" not in end.peer, end.peer
    check_counts(end, path)
    check_feedback(end, seconds)
    if browser == "chromium":  # Firefox has no such figure
        assert end.peer["available"] > 0
    check_tone(recorded(end.recording), end, path, seconds)


@pytest.mark.parametrize("path", ["ipv4", "relay-udp"])
@pytest.mark.parametrize(("browser", "launch", "source"), BROWSERS, ids=[b[0] for b in BROWSERS])
def test_a_browser_and_we_connect_by_trickled_candidates(
    browser: str, launch: Launch, source: str, path: str, tmp_path: Path
) -> None:
    program = shutil.which(browser)
    if program is None:
        pytest.skip(f"needs {browser}")
    with Echo(path, tmp_path, PAGE).running() as echo:
        url = f"{echo.url}/?seconds=2&source={source}&trickle&message"
        process = launch(echo.network, url, program)
        end = echo.finish(process, browser.partition("-")[0], 60)
    assert "error" not in end.peer, end.peer
    check_counts(end, path)
    check_trickled(end, path)
    assert end.peer["echoed"] == 262_144  # our a=max-message-size


@pytest.mark.parametrize("repair", ["red", "nack"])
def test_what_is_lost_on_the_way_to_and_from_chromium_is_repaired(
    repair: str, tmp_path: Path
) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs chromium")
    with Echo("ipv4", tmp_path, PAGE, "--repair", repair).running() as echo:
        echo.network.lose(5)
        query = f"seconds={call_seconds('ipv6')}&source=oscillator"
        url = f"{echo.url}/?{query}" + ("&nack" if repair == "nack" else "")
        process = chromium(echo.network, url, program)
        end = echo.finish(process, "chromium", 60)
    ours, theirs = end.endpoint, end.peer
    assert "error" not in theirs, theirs
    assert ours["drops"]["unknown_payload_type_packets"] == 0
    assert ours["drops"]["malformed_rtp_packets"] == 0
    if repair == "red":
        assert ours["fec_packets_received"] > 0
        # Chromium does not count RED: it played more frames than packets came.
        assert theirs["lost"] > 0
        assert theirs["emitted"] > FRAME_SAMPLES * theirs["received"]
    else:
        assert ours["nacks_sent"] > 0
        assert ours["retransmitted_packets_received"] > 0
        assert ours["nacks_received"] > 0
        assert ours["retransmitted_packets_sent"] > 0
