"""voicectl: talk to, serve, probe, replay and bench voice AI over WebRTC."""

__all__ = ["__version__"]

__version__: str


def __getattr__(name: str) -> str:
    """The version, once asked for: to look it up takes longer than all that the package imports."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("voicectl")
