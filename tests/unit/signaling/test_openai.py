"""The agent's events cross the data channel whole, and a peer's bytes never hurt the reader."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicectl.dialogue import events as dialogue
from voicectl.dialogue.latency import StageReport
from voicectl.errors import WireError
from voicectl.signaling import openai

STAGES = StageReport(endpoint_ms=250.5, stt_ms=9.0, reply_ms=0.5, tts_ms=41.0)


@pytest.mark.parametrize(
    ("event", "reports"),
    [
        (
            dialogue.UtteranceTranscribed(5, 2, "what time is it", 0.9, understood=True),
            [openai.TranscriptReported("item_2", "what time is it")],
        ),
        (
            dialogue.ReplyStarted(5, 2, "It is noon."),
            [openai.ReplyTextReported("resp_2", "It is noon.")],
        ),
        (dialogue.ReplyAudioStarted(5, 2, STAGES), [openai.StagesReported("resp_2", STAGES)]),
        (dialogue.ReplyFinished(5, 2), [openai.ReplyEndReported("resp_2", interrupted=False)]),
        (
            dialogue.ReplyInterrupted(5, 2, "It is", 312.0),
            [
                openai.ReplyEndReported("resp_2", interrupted=True),
                openai.ReplyHeardReported("resp_2", "It is", 312.0),
            ],
        ),
        (dialogue.AgentFailed(5, "no voice"), [openai.AgentErrorReported("no voice")]),
        (dialogue.UtteranceStarted(5, 2, 16000, over_reply=False), []),
    ],
)
def test_event_of_the_agent_is_read_as_what_it_reports(
    event: dialogue.DialogueEvent, reports: list[openai.AgentReport]
) -> None:
    decoded = [openai.decode(message) for message in openai.encode(event)]
    assert [report for report in decoded if report is not None] == reports


def test_speech_edges_have_openai_s_shape() -> None:
    [message] = openai.encode(dialogue.UtteranceEnded(5, 3, 16000, 32000))
    fields = json.loads(message)
    assert fields["type"] == "input_audio_buffer.speech_stopped"
    assert fields["audio_end_ms"] == 2000
    assert fields["item_id"] == "item_3"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "{",
        '{"type": "error"}',
        '{"type": "voicectl.stages", "response_id": "r"}',
        "[" * 9999,
    ],
)
def test_malformed_event_is_a_wire_error(message: str) -> None:
    with pytest.raises(WireError):
        openai.decode(message)


@given(st.text() | st.dictionaries(st.text(), st.integers() | st.text()).map(json.dumps))
def test_any_text_is_read_or_refused(message: str) -> None:
    try:
        openai.decode(message)
    except WireError:
        return
