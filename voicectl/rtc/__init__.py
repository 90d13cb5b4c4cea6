"""WebRTC on aiortc and aioice, the audio path given to the native engine.

Importing it checks the installed aiortc and aioice, and raises SetupError when they don't fit.
"""

from voicectl.rtc import _requirements as _requirements  # first: it checks what the rest imports
from voicectl.rtc.candidates import END_OF_CANDIDATES, IceCandidate
from voicectl.rtc.description import OpusParameters
from voicectl.rtc.driver import EngineLike
from voicectl.rtc.peer import Peer
from voicectl.rtc.settings import HostAddresses, IceServer, PeerSettings
from voicectl.rtc.stats import (
    CloseReason,
    DatagramCounters,
    NominatedPair,
    PeerTimings,
    TransportStats,
)

__all__ = [
    "END_OF_CANDIDATES",
    "CloseReason",
    "DatagramCounters",
    "EngineLike",
    "HostAddresses",
    "IceCandidate",
    "IceServer",
    "NominatedPair",
    "OpusParameters",
    "Peer",
    "PeerSettings",
    "PeerTimings",
    "TransportStats",
]
