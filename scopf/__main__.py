"""`python -m scopf` is the command `scopf`."""

from scopf.cli import main

main()
