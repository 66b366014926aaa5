"""Dagster Pipes, as spoken with a program: what it is told, and what it reports.

The protocol is that of the package dagster-pipes, version 0.1: two variables of the environment lead to a file with the
context and to one for messages, a JSON object a line. A program that knows nothing of it leaves the second one empty.
"""

from __future__ import annotations

import base64
import json
import logging
import math
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from datagw.errors import printable

_LONGEST = 1 << 20  # bytes of a message; a longer one is left out, with a warning
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}


class Pipe:
    """The two files of one start, in a folder of its own, and what the program has reported so far.

    `metadata` holds plain JSON values by name; `checks` a row for each check: name, passed, severity and its metadata.
    """

    def __init__(self, folder: Path, label: str, log: logging.Logger, mask: Callable[[Any], Any]) -> None:
        self._context = folder / "context.json"
        self._messages = folder / "messages.jsonl"
        self._label = printable(label)
        self._log = log
        self._mask = mask
        self._read = 0
        self._line = b""
        self._skipping = False
        self.metadata: dict[str, object] = {}
        self.checks: list[dict[str, object]] = []

    def open(self, job: str, run: str, day: date | None, extras: dict[str, Any]) -> dict[str, str]:
        """Writes the context; returns the two variables."""
        key, partition = f"{job}/work", day.isoformat() if day else None
        context = {
            "asset_keys": [key],
            "code_version_by_asset_key": {key: None},
            "provenance_by_asset_key": {key: None},
            "partition_key": partition,
            "partition_key_range": {"start": partition, "end": partition} if partition else None,
            "partition_time_window": None,
            "run_id": run,
            "job_name": job,
            "retry_number": 0,
            "extras": extras,
        }
        self._context.write_text(json.dumps(context), "ascii")
        self._messages.touch()
        return {
            "DAGSTER_PIPES_CONTEXT": _encoded({"path": str(self._context)}),
            "DAGSTER_PIPES_MESSAGES": _encoded({"path": str(self._messages)}),
        }

    def look(self) -> None:
        """Takes the messages that have come since the last look."""
        try:
            with self._messages.open("rb") as file:
                file.seek(self._read)
                while block := file.read(_LONGEST):
                    self._read += len(block)
                    self._take(block)
        except FileNotFoundError:
            return  # the program removed it

    def _take(self, block: bytes) -> None:
        *lines, rest = (self._line + block).split(b"\n")
        for line in lines:
            if self._skipping or len(line) > _LONGEST:
                self._skipping = False
                self._log.warning("%s: a message of more than %d bytes is left out", self._label, _LONGEST)
            elif line.strip():
                self._hear(line)
        if len(rest) > _LONGEST:
            self._skipping, rest = True, b""
        self._line = rest

    def _hear(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            method, said = str(message["method"]), cast("dict[str, Any]", message["params"] or {})
            self._heard(method, said)
        except (ValueError, KeyError, TypeError, AttributeError):
            text = printable(self._mask(line[:200].decode("utf-8", "backslashreplace")))
            self._log.warning("%s: no message of Dagster Pipes: %s", self._label, text)

    def _heard(self, method: str, said: dict[str, Any]) -> None:
        match method:
            case "opened":
                pass
            case "closed":
                if "exception" in said:
                    self._say(logging.ERROR, said["exception"]["message"].strip())
            case "log":
                self._say(_LEVELS.get(said["level"], logging.INFO), said["message"])
            case "log_external_stream":
                self._say(logging.INFO, said["text"])
            case "report_custom_message":
                self._say(logging.INFO, json.dumps(said["payload"]))
            case "report_asset_materialization":
                self.metadata |= self._plain(said["metadata"])
                if said["data_version"] is not None:
                    self.metadata["data_version"] = self._mask(said["data_version"])
            case "report_asset_check":
                self._check(said)
            case _:
                self._say(logging.WARNING, f"a message of an unknown kind, {method}")

    def _check(self, said: dict[str, Any]) -> None:
        name, passed = self._mask(str(said["check_name"])), bool(said["passed"])
        self.checks.append(
            {"check": name, "passed": passed, "severity": str(said["severity"]), **self._plain(said["metadata"])}
        )
        self._say(logging.INFO if passed else logging.WARNING, f"check {name} {'passed' if passed else 'failed'}")

    def _say(self, level: int, text: object) -> None:
        for line in str(self._mask(str(text))).splitlines():
            self._log.log(level, "%s: %s", self._label, printable(line))

    def _plain(self, metadata: dict[str, Any] | None) -> dict[str, object]:
        """What stands in metadata, without the names of its types."""
        return {self._mask(name): self._mask(finite(value["raw_value"])) for name, value in (metadata or {}).items()}


def finite(value: Any) -> Any:
    """A JSON value; numbers that JSON does not have (NaN, infinity) become texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: finite(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [finite(one) for one in cast("list[Any]", value)]
    return value


def _encoded(value: object) -> str:
    return base64.b64encode(zlib.compress(json.dumps(value).encode("utf-8"))).decode("ascii")
