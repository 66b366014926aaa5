"""`python -m datagw`: the same as the command `datagw`."""

from __future__ import annotations

from datagw.cli import main

if __name__ == "__main__":
    main()
