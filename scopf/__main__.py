"""`python -m scopf` is the command `scopf`."""

from scopf.cli.main import main

main()
