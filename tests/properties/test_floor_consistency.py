"""Whatever a VAD, an STT and a network do, the floor stays consistent."""

from hypothesis import given
from hypothesis import strategies as st

from voicectl.dialogue.endpointing import Completeness
from voicectl.dialogue.events import UtteranceEnded, UtteranceResumed, UtteranceStarted
from voicectl.dialogue.floor import Floor, FloorSettings, FloorState

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("started"), st.integers(-4000, 0)),
        st.tuples(st.just("ended"), st.integers(-4000, 0)),
        st.tuples(st.just("audio"), st.integers(0, 30_000)),
        st.tuples(st.just("dry"), st.integers(0, 2_000)),
        st.tuples(st.just("understood"), st.sampled_from(Completeness)),
        st.tuples(st.just("reply started"), st.none()),
        st.tuples(st.just("reply ended"), st.none()),
    ),
    max_size=60,
)


@given(STEPS)
def test_utterances_begin_and_end_in_turn(steps: list[tuple[str, int | Completeness]]) -> None:
    floor = Floor(FloorSettings())
    now_ns, until = 0, 0
    open_utterance, last_utterance = False, 0
    for kind, value in steps:
        now_ns += 1_000_000
        match kind, value:
            case "started", int(back):
                floor.handle_speech_started(max(until + back, 0), now_ns)
            case "ended", int(back):
                floor.handle_speech_ended(max(until + back, 0), now_ns)
            case "audio", int(samples):
                until += samples
                floor.handle_audio(until, now_ns)
            case "dry", int(ms):
                now_ns += ms * 1_000_000
                floor.handle_timeout(now_ns)
            case "understood", Completeness() as completeness:
                floor.handle_completeness(completeness, now_ns)
            case "reply started", _:
                floor.handle_reply_audio_started()
            case "reply ended", _:
                floor.handle_reply_ended(now_ns)
        while (event := floor.poll_event()) is not None:
            match event:
                case UtteranceStarted():
                    assert not open_utterance
                    assert event.utterance == last_utterance + 1
                    last_utterance, open_utterance = event.utterance, True
                case UtteranceResumed():
                    assert not open_utterance
                    assert event.utterance == last_utterance
                    open_utterance = True
                case UtteranceEnded():
                    assert open_utterance
                    assert event.utterance == last_utterance
                    assert event.start_samples <= event.end_samples
                    open_utterance = False
        assert open_utterance == (floor.state is FloorState.CALLER)
        # An open utterance always ends by itself; nothing else needs waking.
        assert (floor.next_timeout() is not None) == open_utterance
