"""stdin, stdout and stderr where whoever starts the program has closed them."""

import os
import sys


def open_closed_streams() -> None:
    """Let nothing else be opened in their places, where words for them would be written into it.

    What goes to stderr is lost then; a result that can't be printed is an error, as on a full
    disk.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # the lowest number that is free is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
