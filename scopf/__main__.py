"""The command `scopf`, and `python -m scopf`: signals first, as imports take a while."""

from __future__ import annotations

from scopf.cli import interrupts


def main() -> None:
    """Entry point of the command `scopf`."""
    interrupts.listen()
    from scopf.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
