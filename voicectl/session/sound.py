"""The microphone and the speaker of a call, if it has them."""

from collections.abc import Callable
from dataclasses import dataclass

from voicectl.device.catalog import Catalog, Device, Direction, choose_device
from voicectl.device.events import (
    ClippingDetected,
    DeviceEvent,
    DeviceLost,
    DeviceReplaced,
    SilenceDetected,
)
from voicectl.device.streams import MicrophoneStream, SpeakerStream

__all__ = ["SoundCard", "SoundChoice", "warning_of"]


@dataclass(frozen=True)
class SoundChoice:
    """Which devices a call is to use; None for a direction it does without."""

    microphone: Device | None = None
    speaker: Device | None = None

    @classmethod
    def of(cls, catalog: Catalog, microphone: str | None, speaker: str | None) -> "SoundChoice":
        """The devices that are named, or the default ones.

        Raises:
            UsageError: a name fits none or several of the devices.
            SetupError: there is no device of a direction.
        """
        return cls(
            choose_device(catalog, Direction.INPUT, microphone),
            choose_device(catalog, Direction.OUTPUT, speaker),
        )


class SoundCard:
    """Opens and closes what was chosen.

    Args:
        choice: What to open.
        warn: Told in one line of what goes wrong with a device in mid-call.
    """

    def __init__(self, choice: SoundChoice, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self.microphone: MicrophoneStream | None = None
        self.speaker: SpeakerStream | None = None
        if choice.microphone is not None:
            self.microphone = MicrophoneStream(choice.microphone, on_event=self._handle_event)
        if choice.speaker is not None:
            self.speaker = SpeakerStream(choice.speaker, on_event=self._handle_event)

    async def start(self) -> None:
        """Open the devices.

        Raises:
            SetupError: one is busy or cannot be opened.
        """
        for stream in (self.microphone, self.speaker):
            if stream is not None:
                await stream.start()

    async def close(self) -> None:
        """Close the devices."""
        for stream in (self.microphone, self.speaker):
            if stream is not None:
                await stream.close()

    def _handle_event(self, event: DeviceEvent) -> None:
        warning = warning_of(event)
        if warning is not None:
            self._warn(warning)


def warning_of(event: DeviceEvent) -> str | None:
    """What to tell the user of a device's event, in a line; None for nothing."""
    match event:
        case ClippingDetected():
            return "the microphone clips: turn it down"
        case SilenceDetected():
            return "the microphone gives nothing but silence: is it muted?"
        case DeviceLost():
            return f"{event.direction.noun} {event.name} is gone: {event.reason}"
        case DeviceReplaced():
            return f"{event.direction.noun} {event.name} is gone; {event.replacement} is used now"
        case _:
            return None
