"""The extension tells what it is made of."""

import re

import voicectl
from voicectl import _native


def test_extension_tells_version_libopus_and_build_profile() -> None:
    assert _native.__version__ == voicectl.__version__
    assert re.fullmatch(r"libopus 1\.\d+(\.\d+)?\S*", _native.OPUS_VERSION)
    assert _native.BUILD_PROFILE in {"debug", "release"}


def test_every_documented_name_is_there() -> None:
    for name in ("OpusDecoder", "OpusEncoder", "Resampler", "SpeechGate", "parse_opus_packet"):
        assert hasattr(_native, name)
