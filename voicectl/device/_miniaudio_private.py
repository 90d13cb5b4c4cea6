"""The only file that touches what miniaudio's Python binding keeps to itself.

The binding lists devices without saying which is the default, fails as a whole on one that does
not answer, and never frees a device's context. What is used for that: `miniaudio.ffi` and
`miniaudio.lib` (the C library), and `AbstractDevice._make_context`.
"""

import ctypes
import functools
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import miniaudio

__all__ = ["DriverError", "FoundDevice", "OpenDevice", "enumerate_devices", "open_device"]

PERIOD_MS = 10
_PERIODS = 3
_APP_NAME = "voicectl"

_REAL_BACKENDS = (
    miniaudio.Backend.WASAPI,
    miniaudio.Backend.DSOUND,
    miniaudio.Backend.WINMM,
    miniaudio.Backend.COREAUDIO,
    miniaudio.Backend.SNDIO,
    miniaudio.Backend.AUDIO4,
    miniaudio.Backend.OSS,
    miniaudio.Backend.PULSEAUDIO,
    miniaudio.Backend.ALSA,
)
"""miniaudio's own order without JACK, which writes to stderr when it is not running, and null."""

_ALSA_PLUGINS = frozenset(
    {"jack", "lavrate", "null", "oss", "samplerate", "speex", "speexrate", "upmix", "vdownmix"}
)
"""Entries of ALSA's list that are no devices; to ask "jack" for details writes to stderr."""

_NO_BACKEND = -203
_BUSY = frozenset({-19, -23})


class DriverError(Exception):
    """miniaudio refused; `code` is its `ma_result`."""

    def __init__(self, code: int) -> None:
        super().__init__(f"miniaudio error {code}")
        self.code = code

    @property
    def busy(self) -> bool:
        """Whether another program holds the device."""
        return self.code in _BUSY


@dataclass(frozen=True)
class FoundDevice:
    """One device as the driver lists it."""

    raw_id: bytes
    name: str
    default: bool
    formats: list[tuple[int, int]]
    """Channels and rate in Hz of each native format; 0 is any."""


def enumerate_devices(
    backend: str | None,
) -> tuple[str | None, list[FoundDevice], list[FoundDevice]]:
    """List the backend's name, its inputs and its outputs; no name when there is no backend.

    Devices that do not answer are left out, busy ones are not.

    Raises:
        DriverError: the sound system cannot be reached.
    """
    _silence_alsa()
    try:
        listing = miniaudio.Devices(_backends(backend))
    except miniaudio.MiniaudioError as error:
        if (code := _code(error)) == _NO_BACKEND:
            return None, [], []
        raise DriverError(code) from error
    ffi, lib = miniaudio.ffi, miniaudio.lib
    outputs, inputs = ffi.new("ma_device_info **"), ffi.new("ma_device_info **")
    output_count, input_count = ffi.new("ma_uint32 *"), ffi.new("ma_uint32 *")
    context = listing._context
    result = lib.ma_context_get_devices(context, outputs, output_count, inputs, input_count)
    if result != lib.MA_SUCCESS:
        raise DriverError(result)
    return (
        listing.backend,
        _described(context, miniaudio.DeviceType.CAPTURE, inputs[0], input_count[0]),
        _described(context, miniaudio.DeviceType.PLAYBACK, outputs[0], output_count[0]),
    )


def _described(
    context: Any,  # noqa: ANN401 (a C pointer)
    kind: miniaudio.DeviceType,
    infos: Any,  # noqa: ANN401 (a C array)
    count: int,
) -> list[FoundDevice]:
    found = []
    for index in range(count):
        # Asking for details writes over the struct, the default flag among it.
        default = bool(infos[index].isDefault)
        info = miniaudio.ffi.addressof(infos[index])
        identity = miniaudio.ffi.addressof(infos[index].id)
        raw_id = bytes(miniaudio.ffi.buffer(identity))
        if raw_id.rstrip(b"\0").decode(errors="replace") in _ALSA_PLUGINS:
            continue
        result = miniaudio.lib.ma_context_get_device_info(context, kind.value, identity, info)
        if result == miniaudio.lib.MA_SUCCESS or result in _BUSY:
            name = bytes(miniaudio.ffi.string(info[0].name)).decode(errors="replace")
            default = default or bool(info[0].isDefault)
            found.append(FoundDevice(raw_id, name, default, _formats(info[0])))
    return found


def _formats(info: Any) -> list[tuple[int, int]]:  # noqa: ANN401 (a C struct)
    return [
        (int(native.channels), int(native.sampleRate))
        for native in info.nativeDataFormats[0 : info.nativeDataFormatCount]
    ]


class _OwnsContext:
    """Frees the context that miniaudio's devices make and forget."""

    _made_context: Any = None
    stop_callback: Callable[[], None] | None

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 (the binding's)
        try:
            super().__init__(*arguments, **options)
        except miniaudio.MiniaudioError:
            self.free()
            raise

    def _make_context(self, *arguments: Any) -> Any:  # noqa: ANN401 (the binding's)
        self._made_context = super()._make_context(*arguments)  # type: ignore[misc]
        return self._made_context

    def free(self) -> None:
        """Stop, wait for the device's thread, give everything back."""
        self.stop_callback = None
        self.close()  # type: ignore[attr-defined]
        if self._made_context is not None:
            miniaudio.lib.ma_context_uninit(self._made_context)
            self._made_context = None


class _Capture(_OwnsContext, miniaudio.CaptureDevice):  # type: ignore[misc]
    pass


class _Playback(_OwnsContext, miniaudio.PlaybackDevice):  # type: ignore[misc]
    pass


class OpenDevice:
    """A running device. Its callback runs in miniaudio's thread until `close` returns."""

    def __init__(self, device: _Capture | _Playback) -> None:
        self._device = device
        self.backend: str = device.backend

    def close(self) -> None:
        """Stop it and wait until its thread has ended; up to some tens of ms."""
        self._device.free()


def open_device(
    raw_id: bytes | None,
    callback: Generator[bytes, Any, None],
    on_stopped: Callable[[], None],
    *,
    capture: bool,
    sample_rate_hz: int,
    backend: str | None,
) -> OpenDevice:
    """Open and start a device as mono int16, 10 ms a block; miniaudio converts rate and channels.

    Args:
        raw_id: Of a `FoundDevice`; None follows the system's default.
        callback: A started generator: it is sent each captured block as bytes, or the number of
            samples to yield as bytes.
        on_stopped: Called in some thread when the driver stops the device by itself.
        capture: A microphone; else a speaker.
        sample_rate_hz: Of the blocks, whatever the device's own rate.
        backend: Name of a miniaudio backend; None is the first that is there, the null one apart.

    Raises:
        DriverError: it cannot be opened or started.
    """
    _silence_alsa()
    identity = miniaudio.ffi.NULL
    if raw_id is not None:
        identity = miniaudio.ffi.new("ma_device_id *")
        miniaudio.ffi.memmove(identity, raw_id, len(raw_id))
    kind = _Capture if capture else _Playback
    try:
        device = kind(
            miniaudio.SampleFormat.SIGNED16,
            1,
            sample_rate_hz,
            PERIOD_MS,
            identity,
            _PERIODS,
            _backends(backend),
            app_name=_APP_NAME,
        )
    except miniaudio.MiniaudioError as error:
        raise DriverError(_code(error)) from error
    try:
        device.stop_callback = on_stopped
        device.start(callback)
    except miniaudio.MiniaudioError as error:
        device.free()
        raise DriverError(_code(error)) from error
    return OpenDevice(device)


def _backends(backend: str | None) -> list[miniaudio.Backend]:
    return list(_REAL_BACKENDS) if backend is None else [miniaudio.Backend[backend.upper()]]


def _code(error: miniaudio.MiniaudioError) -> int:
    code = error.args[-1]
    return code if isinstance(code, int) else -1


@functools.cache
def _silence_alsa() -> None:
    """Keep libasound from writing to stderr about each device that does not answer."""
    if sys.platform != "linux":
        return
    try:
        libasound = ctypes.CDLL("libasound.so.2")
    except OSError:
        return
    libasound.snd_lib_error_set_handler(_say_nothing)


_ALSA_ERROR_HANDLER = ctypes.CFUNCTYPE(
    None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
)
_say_nothing = _ALSA_ERROR_HANDLER(lambda *_: None)
"""Stands in for libasound's error handler and leaves its printf arguments unread."""
