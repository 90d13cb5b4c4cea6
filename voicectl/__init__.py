"""voicectl: talk to, serve, probe, replay and bench voice AI over WebRTC."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("voicectl")
