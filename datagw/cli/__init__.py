"""The command `datagw`: one file a command; each reads its options, calls one function below and prints what it said.

Start at `app.py`, the list of commands. Results go to stdout, everything else to stderr. Nothing heavy is imported
before a command is known, and Dagster only by what needs it.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script: does what the arguments say, and ends the process with the code of `endings.py`."""
    gc.set_threshold(200_000, 20, 20)  # what is imported stays: looking through it again and again costs time
    from datagw.cli.app import commands
    from datagw.cli.endings import ended

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that knows no ✓ shows its number
    if asked := os.environ.get("_DATAGW_COMPLETE"):
        from datagw.cli.shells import answer

        sys.exit(answer(commands, asked))
    code = ended(commands, sys.argv[1:] if arguments is None else list(arguments))
    gc.freeze()  # or Python's end would look through all of it once more, for a quarter of the time of a short run
    sys.exit(code)
