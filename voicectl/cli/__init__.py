"""The commands. `main` imports them only when Ctrl-C is looked after: they take a while to load."""

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with a status of `exit_status.ExitStatus`."""
    from voicectl.cli import interrupt

    status = interrupt.STATUS
    try:
        interrupt.install()
        from voicectl.cli.app import run

        status = run()
    except KeyboardInterrupt:
        pass
    finally:
        interrupt.finish()
    raise SystemExit(interrupt.STATUS if interrupt.noted() else status)
