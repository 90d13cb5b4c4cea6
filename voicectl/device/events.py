"""What a microphone or speaker tells while it runs."""

from dataclasses import dataclass

from voicectl.device.catalog import Direction
from voicectl.device.level import ClippingDetected, LevelMeasured, SilenceDetected

__all__ = [
    "ClippingDetected",
    "DeviceEvent",
    "DeviceLost",
    "DeviceReplaced",
    "LevelMeasured",
    "SilenceDetected",
]


@dataclass(frozen=True)
class DeviceLost:
    """The device has vanished and no other could be opened; silence takes its place, told once.

    It is tried again, every 5 s in the end; `DeviceReplaced` tells of success.
    """

    direction: Direction
    name: str
    reason: str


@dataclass(frozen=True)
class DeviceReplaced:
    """The device has vanished or stopped; another is used now.

    The same one if it still answers, else the system's default.
    """

    direction: Direction
    name: str
    replacement: str


DeviceEvent = LevelMeasured | ClippingDetected | SilenceDetected | DeviceLost | DeviceReplaced
