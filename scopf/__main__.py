"""The command `scopf`, and `python -m scopf`: signals first, as imports take a while."""

from __future__ import annotations

from scopf.cli import interrupts


def main() -> None:
    """Entry point of the command `scopf`."""
    interrupts.listen()
    try:
        from scopf.cli.main import main as run
    except (ImportError, MemoryError) as error:
        import sys

        from scopf.errors import sentence

        sys.stderr.write(f"scopf: {sentence(error)}\n")
        raise SystemExit(2) from None
    run()


if __name__ == "__main__":
    main()
