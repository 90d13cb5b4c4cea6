"""Conversations with the embedded agent in virtual time."""

import asyncio

import pytest
from support.conversation import Conversation, FakePort, in_virtual_time
from support.virtual_time import VirtualLoop

from voicectl.agent.embedded import AgentSettings
from voicectl.agent.script_file import parse_script
from voicectl.dialogue.endpointing import EndpointingSettings
from voicectl.dialogue.events import (
    AgentFailed,
    ReplyAudioStarted,
    ReplyFinished,
    ReplyInterrupted,
    ReplyStarted,
    UtteranceEnded,
    UtteranceResumed,
    UtteranceStarted,
    UtteranceTranscribed,
)
from voicectl.dialogue.floor import FloorSettings
from voicectl.errors import ServiceError


def test_question_is_transcribed_and_answered() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_is_silent(500)
        await call.caller_says("what is seven times eight")
        await call.caller_is_silent(3000)

    call = in_virtual_time(play)
    assert [type(event) for event in call.events] == [
        UtteranceStarted,
        UtteranceEnded,
        UtteranceTranscribed,
        ReplyStarted,
        ReplyAudioStarted,
        ReplyFinished,
    ]
    assert call.of(UtteranceTranscribed)[0].text == "what is seven times eight"
    assert call.of(ReplyStarted)[0].text == "Seven times eight is fifty six."
    ended = call.of(UtteranceEnded)[0]
    assert (ended.start_samples, ended.end_samples) == (500 * 16, 1500 * 16)


def test_whole_phrase_is_answered_after_less_silence_than_an_open_one() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what is seven times eight")
        await call.caller_is_silent(5000)
        await call.caller_says("gibberish")
        await call.caller_is_silent(5000)

    call = in_virtual_time(play)
    closed, open_ = (event.stages.endpoint_ms for event in call.of(ReplyAudioStarted))
    assert closed == pytest.approx(200, abs=10)
    assert open_ == pytest.approx(500, abs=10)


def test_pause_inside_a_phrase_does_not_end_it() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what is seven times")
        await call.caller_is_silent(400)
        await call.caller_says("eight")
        await call.caller_is_silent(2000)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["what is seven times eight"]


@pytest.mark.parametrize("busy", [0, 1], ids=["stt", "tts"])
def test_caller_who_goes_on_before_the_reply_sounds_takes_the_utterance_back(busy: int) -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what is seven times eight")
        call.workers[busy].held = True
        await call.caller_is_silent(300)
        await call.caller_says("gibberish")
        call.workers[busy].let_go()
        await call.caller_is_silent(6000)

    call = in_virtual_time(play)
    assert len(call.of(UtteranceStarted)) == 1
    assert len(call.of(UtteranceResumed)) == 1
    assert call.of(UtteranceTranscribed)[-1].text == "what is seven times eight gibberish"
    assert len(call.of(ReplyAudioStarted)) == len(call.of(ReplyFinished)) == 1


def test_unknown_utterance_is_answered_with_what_one_can_say() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("gibberish")
        await call.caller_is_silent(1000)

    call = in_virtual_time(play)
    assert call.of(UtteranceTranscribed)[0].understood is False
    assert call.of(ReplyStarted)[0].text.startswith("Sorry, I only know a few things. Try saying")


def test_words_of_low_confidence_are_not_acted_upon() -> None:
    async def play(call: Conversation) -> None:
        call.stt.confidence = 0.2
        await call.caller_says("tell me a joke")
        await call.caller_is_silent(1000)

    call = in_virtual_time(play)
    transcribed = call.of(UtteranceTranscribed)[0]
    assert (transcribed.text, transcribed.understood) == ("tell me a joke", False)
    assert call.of(ReplyStarted)[0].text.startswith("Sorry")


def test_barge_in_stops_the_reply_and_tells_the_words_heard() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what can i say")
        await call.caller_is_silent(200 + 1450)
        await call.caller_says("stop")
        await call.caller_is_silent(2000)

    call = in_virtual_time(play)
    (interrupted,) = call.of(ReplyInterrupted)
    # The reply began about 200 ms into the silence and was heard until the barge-in was sure.
    assert interrupted.heard_ms == pytest.approx(1450 + 80, abs=30)
    assert interrupted.heard_text == "You can ask me for the time, or"
    assert interrupted.utterance == 1
    assert [event.utterance for event in call.of(UtteranceStarted)] == [1, 2]
    assert call.of(UtteranceStarted)[1].over_reply
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["what can i say", "stop"]
    assert [event.utterance for event in call.of(ReplyFinished)] == [2]


def test_barge_in_stops_the_audio_within_a_tenth_of_a_second_of_its_onset() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what can i say")
        await call.caller_is_silent(1500)
        onset_ms = call.position_ms
        await call.caller_says("stop")
        (interrupted,) = call.of(ReplyInterrupted)
        (started,) = call.of(ReplyAudioStarted)
        stopped_ms = (started.at_ns - VirtualLoop.ORIGIN_NS) / 1e6 + interrupted.heard_ms
        assert stopped_ms - onset_ms <= 100

    in_virtual_time(play)


def test_noise_shorter_than_the_barge_in_lets_the_reply_go_on() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what can i say")
        await call.caller_is_silent(1000)
        # 40 ms of speech whose end the VAD tells before 80 ms are over
        call.agent.handle_speech_started(round(call.position_ms * 16))
        await call.caller_is_silent(40)
        call.agent.handle_speech_ended(round(call.position_ms * 16))
        await call.caller_is_silent(20_000)

    call = in_virtual_time(play)
    assert not call.of(ReplyInterrupted)
    assert len(call.of(ReplyFinished)) == 1
    assert len(call.of(UtteranceStarted)) == 1


def test_speech_that_began_as_the_reply_ended_is_an_utterance() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("goodbye")  # "Goodbye.": 200 ms, from 200 ms into the silence on
        await call.caller_is_silent(360)
        await call.caller_says("tell me a joke")
        await call.caller_is_silent(1000)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["goodbye", "tell me a joke"]
    assert not call.of(ReplyInterrupted)


def test_stream_that_dries_up_ends_the_utterance() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("tell me a joke")
        await call.network_is_dry(2000)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["tell me a joke"]


def test_stalled_network_in_mid_utterance_is_no_silence() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what is seven")
        await call.network_is_dry(600)
        await call.caller_says("times eight")
        await call.caller_is_silent(2000)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["what is seven times eight"]


def test_caller_whose_stream_begins_anew_is_still_heard() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_is_silent(5000)
        await call.caller_says("tell me a joke")
        await call.caller_is_silent(10_000)
        call.restart_stream()
        await call.caller_says("what is two plus two")
        await call.caller_is_silent(3000)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == [
        "tell me a joke",
        "what is two plus two",
    ]
    assert call.of(UtteranceEnded)[1].end_samples == 1000 * 16


def test_utterance_under_way_when_the_stream_begins_anew_is_answered() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("tell me a joke")
        call.restart_stream()
        await call.caller_is_silent(500)

    call = in_virtual_time(play)
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["tell me a joke"]
    assert len(call.of(ReplyAudioStarted)) == 1


def test_endless_speech_is_cut_at_the_longest_utterance() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("gibberish", ms_a_word=4_000)

    settings = AgentSettings(FloorSettings(EndpointingSettings(max_utterance_ms=3_000)))
    call = in_virtual_time(play, settings=settings)
    ended = call.of(UtteranceEnded)[0]
    assert ended.end_samples - ended.start_samples == pytest.approx(3_000 * 16, abs=160)


def test_reply_longer_than_the_queue_is_sent_whole() -> None:
    async def play(call: Conversation) -> None:
        await call.caller_says("what can i say")
        await call.caller_is_silent(30_000)

    call = in_virtual_time(play, port=FakePort(capacity_ms=500))
    words = call.of(ReplyStarted)[0].text.split()
    assert call.port.sent_ms == pytest.approx(len(words) * 200)
    assert len(call.of(ReplyFinished)) == 1


def test_reply_without_words_ends_at_once() -> None:
    script = parse_script('fallback = ""\n[[phrase]]\nsay = ["hush"]\nreply = ""\n', "s.toml")

    async def play(call: Conversation) -> None:
        await call.caller_says("hush")
        await call.caller_is_silent(500)
        await call.caller_says("hush")
        await call.caller_is_silent(500)

    call = in_virtual_time(play, script=script)
    assert len(call.of(ReplyFinished)) == 2
    assert not call.of(ReplyAudioStarted)
    assert call.port.finished == 0


def test_greeting_is_given_up_when_the_caller_speaks_first() -> None:
    script = parse_script(
        'greeting = "Hello. I am here."\nfallback = "No."\n'
        '[[phrase]]\nsay = ["good day"]\nreply = "Yes."\n',
        "s.toml",
    )

    async def main() -> Conversation:
        call = Conversation(script=script)
        running = asyncio.create_task(call.agent.run(greet=True))
        call.agent.handle_speech_started(0)
        await call.caller_says("good day")
        await call.caller_is_silent(1500)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return call

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        call = runner.run(main())
    assert [event.text for event in call.of(UtteranceTranscribed)] == ["good day"]
    assert call.of(ReplyStarted)[-1].text == "Yes."


@pytest.mark.parametrize("part", ["stt", "tts", "tts in mid-reply"])
def test_failure_of_a_service_comes_out_of_run(part: str) -> None:
    async def main() -> Conversation:
        call = Conversation()
        running = asyncio.create_task(call.agent.run())
        await call.caller_is_silent(10)
        call.stt.fails = part == "stt"
        call.tts.fails_after = {"tts": 0, "tts in mid-reply": 1}.get(part)
        await call.caller_says("what can i say")
        await call.caller_is_silent(1000)
        with pytest.raises(ServiceError):
            await running
        # The call may go on; the agent does not.
        told = len(call.events)
        await call.caller_says("stop")
        await call.caller_is_silent(1000)
        assert len(call.events) == told
        return call

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        call = runner.run(main())
    assert len(call.of(AgentFailed)) == 1
    assert call.port.sent_ms > 0 or part != "tts in mid-reply"


def test_long_call_ends_as_it_began() -> None:
    async def play(call: Conversation) -> None:
        for _ in range(20):
            await call.caller_says("what is two plus two")
            await call.caller_is_silent(3000)

    call = in_virtual_time(play)
    assert len(call.of(ReplyFinished)) == 20
    assert call.of(ReplyStarted)[-1].text == "Two plus two is four."
    assert len(call.of(UtteranceResumed)) == 0
