"""What both ends of a call agree on beside what aiortc negotiates: formats, repairs, feedback."""

import secrets

from voicectl.rtc.aiortc_descriptions import Taken, complete_answer, with_payload_types
from voicectl.rtc.description import (
    OpusParameters,
    RemoteDescription,
    opus_payload_type,
    own_formats,
    payload_types,
    that_trickles,
    with_opus_parameters,
)
from voicectl.rtc.driver import EngineDriver
from voicectl.rtc.repairs import DescribedRepairs, answer_repairs, negotiate, offer_repairs
from voicectl.rtc.settings import PeerSettings
from voicectl.rtc.transport_feedback import (
    DescribedFeedback,
    describe_feedback,
    negotiate_feedback,
    offer_feedback,
    with_reduced_size,
)
from voicectl.rtc.voice_formats import (
    VoiceFormats,
    answer_keys,
    describe_keys,
    negotiate_formats,
    offer_keys,
)

__all__ = ["Negotiation"]


class Negotiation:
    """One exchange of descriptions.

    The engine learns each agreement as soon as both sides of it are known: aiortc tells only when
    DTLS is done, and the peer's first packet may be faster.

    Args:
        settings: What is offered and granted.
        driver: Of the engine.
    """

    def __init__(self, settings: PeerSettings, driver: EngineDriver) -> None:
        self._settings = settings
        self._driver = driver
        self._rtx_ssrc = secrets.randbits(32)
        self._local_repairs: DescribedRepairs | None = None
        self._remote_repairs: DescribedRepairs | None = None
        self._local_feedback: DescribedFeedback | None = None
        self._remote_feedback: DescribedFeedback | None = None
        self._local_formats: VoiceFormats | None = None
        self._remote_formats: VoiceFormats | None = None
        self._max_frame_ms: int | None = None
        self._offered: Taken | None = None
        self.remote_opus: OpusParameters | None = None
        """What the peer asks to receive, once its description is known."""

    def take_remote(self, remote: RemoteDescription) -> None:
        """Learn what the peer has described."""
        self.remote_opus = remote.opus
        self._max_frame_ms = remote.max_frame_ms
        self._remote_repairs = remote.repairs
        self._remote_feedback = remote.feedback
        self._remote_formats = remote.formats
        self._offered = remote.taken if remote.taken.kind == "offer" else None
        self._agree_on_repairs()
        self._agree_on_feedback()
        self._agree_on_formats()

    def describe(self, sdp: str) -> str:
        """A description that aiortc made, with what it has no words for."""
        if self._remote_formats is not None:
            sdp = with_payload_types(sdp, self._remote_formats)
        opus = opus_payload_type(sdp)
        self._choose_repairs(sdp, opus)
        described = with_opus_parameters(
            sdp,
            self._settings.opus,
            self._local_repairs,
            prefer_red=self._settings.repairs.prefer_red,
            rtx_ssrc=self._rtx_ssrc,
        )
        return that_trickles(self._describe_formats(self._describe_feedback(described, opus)))

    def finish(self, sdp: str) -> str:
        """What aiortc made of the description, as the peer is to read it."""
        finished = with_reduced_size(sdp, self._local_feedback)
        return finished if self._offered is None else complete_answer(finished, self._offered)

    @property
    def _is_answer(self) -> bool:
        return self._remote_formats is not None

    def _choose_repairs(self, sdp: str, opus: int | None) -> None:
        settings = self._settings.repairs
        if self._remote_repairs is not None:
            self._local_repairs = answer_repairs(settings, self._remote_repairs)
            self._agree_on_repairs()
        elif self._is_answer:
            self._local_repairs = None  # the offer has no Opus to repair
        elif opus is not None:
            self._local_repairs = offer_repairs(settings, opus, payload_types(sdp))

    def _describe_feedback(self, sdp: str, opus: int | None) -> str:
        if not self._settings.transport_feedback or opus is None:
            return sdp
        # An answer numbers the extension as the offer does (RFC 8285 §6).
        self._local_feedback = self._remote_feedback if self._is_answer else offer_feedback()
        self._agree_on_feedback()
        return describe_feedback(sdp, opus, self._local_feedback)

    def _describe_formats(self, sdp: str) -> str:
        ours = own_formats(sdp)
        if self._remote_formats is not None:
            keys = answer_keys(ours, self._remote_formats)
        else:
            keys = offer_keys(ours.codecs, payload_types(sdp))
        self._local_formats = VoiceFormats(ours.codecs, keys)
        self._agree_on_formats()
        return describe_keys(sdp, keys)

    def _agree_on_repairs(self) -> None:
        ours, theirs = self._local_repairs, self._remote_repairs
        if ours is not None and theirs is not None:
            repairs = negotiate(ours, theirs, rtx_ssrc=self._rtx_ssrc)
            self._driver.repairs_negotiated(repairs)

    def _agree_on_feedback(self) -> None:
        agreed = negotiate_feedback(self._local_feedback, self._remote_feedback)
        if agreed is not None:
            self._driver.feedback_negotiated(agreed)

    def _agree_on_formats(self) -> None:
        ours, theirs = self._local_formats, self._remote_formats
        if ours is None or theirs is None:
            return
        if (formats := negotiate_formats(ours, theirs)) is not None:
            opus = self.remote_opus
            self._driver.formats_negotiated(
                formats,
                max_bitrate_bps=opus.max_average_bitrate_bps if opus else None,
                max_frame_ms=self._max_frame_ms,
            )
