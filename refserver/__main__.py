"""`python -m refserver` is `link-refserver`."""

from refserver.cli import main

main(prog_name="link-refserver")
