"""Read by Python as it starts, where a test puts this folder into a command's PYTHONPATH.

`STEPS` makes a step go wrong, `STEPS_LOG` names a file for the steps' names, `AHEAD_SECONDS` sets
the machine's clock, `BUSY_SECONDS` is how long SQLite waits for somebody's lock.
"""

import os

if "STEPS" in os.environ or "STEPS_LOG" in os.environ:
    from support import steps

    steps.install_from(os.environ)
if "AHEAD_SECONDS" in os.environ:
    from support import wrongclock

    wrongclock.set_ahead(float(os.environ["AHEAD_SECONDS"]))
if "BUSY_SECONDS" in os.environ:
    import storage.database

    storage.database._BUSY_SECONDS = float(os.environ["BUSY_SECONDS"])
