"""What `rtc` needs of the installed aiortc and aioice, checked when it is imported.

The names are private to those packages, so a release may drop any of them. Better one clear
error before the first call than an AttributeError in the middle of one.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from voicectl.errors import SetupError

__all__ = ["CLASS_NAMES", "INSTANCE_NAMES", "VERSIONS", "check_installed"]

VERSIONS = MappingProxyType({"aiortc": "1.16", "aioice": "0.13"})
"""The minor release of each distribution that the touches were written against."""

CLASS_NAMES = MappingProxyType(
    {
        "aioice.ice:Connection": (
            "_check_list_maybe_complete _check_list_maybe_fail _check_periodic "
            "_pair_remote_candidate _prune_components _remote_candidates_expected "
            "_unfreeze_initial add_remote_candidate build_request check_complete "
            "check_incoming check_state close connect data_received gather_candidates "
            "get_component_candidates query_consent sort_check_list"
        ),
        "aioice:ice": "relayed_candidate server_reflexive_candidate",
        "aioice.ice:StunProtocol": "datagram_received send_stun",
        "aioice.turn:TurnClientMixin": "channel_bind datagram_received",
        "aioice.turn:TurnTransport": "sendto",
        "aiortc:RTCCertificate": "_create_ssl_context generateCertificate getFingerprints",
        "aiortc:RTCDtlsTransport": (
            "_register_data_receiver _send_data _set_state _setup_srtp "
            "_unregister_data_receiver stop"
        ),
        "aiortc:RTCIceGatherer": "_RTCIceGatherer__setState gather",
        "aiortc:RTCIceTransport": "start",
        "aiortc:RTCRtpReceiver": "receive",
        "aiortc:RTCRtpSender": "send",
        "aiortc:RTCSctpTransport": "State _handle_data _set_state stop",
        "aiortc:RTCPeerConnection": (
            "_RTCPeerConnection__connect "
            "_RTCPeerConnection__createDtlsTransport _RTCPeerConnection__createSctpTransport "
            "_RTCPeerConnection__createTransceiver "
            "_RTCPeerConnection__updateConnectionState "
            "_RTCPeerConnection__updateIceConnectionState "
            "_RTCPeerConnection__updateIceGatheringState"
        ),
    }
)
"""Methods and functions that are overridden or called."""

INSTANCE_NAMES = MappingProxyType(
    {
        "aioice.ice:Connection": (
            "_check_list _check_list_done _check_list_state _closing _early_checks "
            "_early_checks_done _local_candidates _local_candidates_end "
            "_local_candidates_start _nominated _protocols _query_consent_task "
            "_queue _remote_candidates _transport_policy"
        ),
        "aioice:Candidate": "_network_host",
        "aioice.ice:CandidatePair": "protocol remote_candidate state task",
        "aioice.ice:StunProtocol": "transactions",
        "aioice.stun:Transaction": "_Transaction__addr _Transaction__request",
        "aioice.turn:TurnClientMixin": "channel_refresh_time channel_to_peer",
        "aioice.turn:TurnTransport": "_TurnTransport__inner_protocol _TurnTransport__send_tasks",
        "aiortc:RTCDtlsTransport": "_data_receiver _role _srtp_profiles _ssl _state",
        "aiortc:RTCIceGatherer": "_connection",
        "aiortc:RTCPeerConnection": (
            "_RTCPeerConnection__cname _RTCPeerConnection__dtlsTransports "
            "_RTCPeerConnection__iceTransports "
            "_RTCPeerConnection__remoteIce _RTCPeerConnection__stream_id "
            "_RTCPeerConnection__transceivers"
        ),
        "aiortc:RTCRtpSender": "_ssrc _stream_id",
        "aiortc:RTCRtpTransceiver": "_bundled",
        "aiortc:RTCSctpTransport": (
            "_advertised_rwnd _data_channels _inbound_streams _last_received_tsn _local_tsn "
            "_sack_misordered"
        ),
    }
)
"""Attributes that the class's `__init__` must set."""


def check_installed() -> None:
    """Raise SetupError, naming every version and name that is not as it must be."""
    missing = [*_wrong_versions(), *_missing_names()]
    if missing:
        raise SetupError(
            "the installed aiortc and aioice are not the ones voicectl works with",
            detail="\n".join(missing),
            hint="pip install " + " ".join(f"'{name}~={v}.0'" for name, v in VERSIONS.items()),
        )


def _wrong_versions() -> Iterator[str]:
    for distribution, wanted in VERSIONS.items():
        try:
            installed = version(distribution)
        except PackageNotFoundError:
            yield f"{distribution} {wanted} is not installed"
        else:
            if installed.split(".")[:2] != wanted.split("."):
                yield f"{distribution} is {installed}, needed is {wanted}"


def _missing_names() -> Iterator[str]:
    for path, names in CLASS_NAMES.items():
        yield from _absent(path, names.split(), dir(_find(path)))
    for path, names in INSTANCE_NAMES.items():
        # The names of attributes that a function stores are among its code's names.
        code = getattr(getattr(_find(path), "__init__", None), "__code__", None)
        yield from _absent(path, names.split(), code.co_names if code else ())


def _find(path: str) -> object:
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def _absent(path: str, names: Iterable[str], present: Iterable[str]) -> Iterator[str]:
    have = set(present)
    return (f"{path.replace(':', '.')}.{name} is missing" for name in names if name not in have)


check_installed()
