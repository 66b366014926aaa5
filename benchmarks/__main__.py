"""`python -m benchmarks [NAME] [OPTIONS]`: one of the benchmarks beside this file; without a name, `sftp`."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

KNOWN = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__main__.py"))


def main() -> None:
    name = "sftp"
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        name = sys.argv.pop(1)
    if name not in KNOWN:
        sys.exit(f"no benchmark {name!r}; there are: {', '.join(KNOWN)}")
    sys.argv[0] = f"benchmarks {name}"
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
