"""Draw docs/talk.svg: the live screen in the middle of a real call with the embedded agent.

python docs/draw_screen.py
"""

import asyncio
import io
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from voicectl.cli.talk_screen import ScreenState, screen_lines
from voicectl.session import events
from voicectl.session.talk import Talk, TalkOptions

WIDTH, HEIGHT = 80, 24
PICTURE = Path(__file__).with_name("talk.svg")


def main() -> None:
    """Hold the demo conversation and draw the screen while the agent answers `stop`."""
    with tempfile.TemporaryDirectory() as folder:
        talk = Talk.plan(TalkOptions(output=Path(folder) / "call.wav"))
        state = ScreenState(talk.title)
        drawn: list[str] = []

        def handle_event(event: events.SessionEvent) -> None:
            state.handle_event(event)
            speaking = isinstance(event, events.LevelsMeasured) and event.heard_dbfs > -30
            if not drawn and speaking and state.words and state.words[-1].startswith("○ Okay"):
                drawn.append(draw(state))

        asyncio.run(talk.hold(handle_event, warn=print))
    PICTURE.write_text(drawn[0], encoding="utf-8")
    print(f"{PICTURE.name}: {len(drawn[0])} bytes")


def draw(state: ScreenState) -> str:
    """The screen as SVG."""
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=io.StringIO())
    console.print(Text("\n").join(screen_lines(state, WIDTH, HEIGHT)))
    return console.export_svg(title="voicectl talk")


if __name__ == "__main__":
    main()
