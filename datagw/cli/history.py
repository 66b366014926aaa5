"""`datagw history`: runs, receipts, failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from datagw.cli.printing import print_json_lists, print_line, print_table
from datagw.cli.settings import Command, Settings, pass_settings
from datagw.cli.units import files_of, moment, moment_of_ns, size_of

if TYPE_CHECKING:
    from datagw.ledger.ledger import Ledger
    from datagw.ledger.rows import FailureRow, Receipt, Run

