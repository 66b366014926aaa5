"""Secrets in the hands of own code: plain texts to use, stars wherever datagw itself writes something down."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import sys
import traceback
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, TextIO, cast
from urllib.parse import quote, quote_plus

from typing_extensions import override

from datagw.errors import ConfigError, GatewayError, printable
from datagw.gateways.secrets import Secret

STARS = "**********"
_SHORTEST_LINE = 8  # of a secret of several lines; its shorter ones are no secrets by themselves


class Secrets(Mapping[str, str]):
    """The secrets of a job by name, as plain `str`; shown, it has stars in place of them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @classmethod
    def resolved(cls, references: Mapping[str, Secret]) -> Secrets:
        """The values as they are now; raises ConfigError with a line for each one that leads to none."""
        values: dict[str, str] = {}
        problems: list[str] = []
        for name, reference in references.items():
            try:
                values[name] = reference.reveal()
            except ConfigError as error:
                problems.append(f"secrets.{name}: {error}")
        if problems:
            raise ConfigError("; ".join(problems), tuple(problems))
        return cls(values)

    @override
    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(self._values) or "none"
            raise KeyError(f"there is no secret {name!r} in the job file; there are: {known}") from None

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    @override
    def __repr__(self) -> str:
        return f"Secrets({', '.join(f'{name}={STARS}' for name in self._values)})"


class Masker:
    """Replaces the values of secrets in any text by stars, also where they are quoted, escaped or in base64."""

    def __init__(self, values: Iterable[str]) -> None:
        found = {form for value in values for form in _forms(value)} - {""}
        self._forms = sorted(found, key=len, reverse=True)

    @property
    def hides(self) -> bool:
        """Whether there is any secret to hide."""
        return bool(self._forms)

    def __call__(self, text: str) -> str:
        """The text without any secret in it."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, STARS)
        return text

    def json(self, value: object) -> Any:
        """A JSON value with all of its texts, names too, masked."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {self(str(key)): self.json(one) for key, one in cast("dict[object, object]", value).items()}
        if isinstance(value, (list, tuple)):
            return [self.json(one) for one in cast("list[object]", value)]
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            text = str(value)
            return value if self(text) == text else STARS
        return value

    def error(self, error: GatewayError) -> GatewayError:
        """The error with its texts masked, and nothing behind it that could tell more."""
        error.message = self(error.message)
        error.path = None if error.path is None else self(error.path)
        error.where = None if error.where is None else self(error.where)
        error.args = (error.message,)
        error.__cause__ = error.__context__ = None
        error.__suppress_context__ = True
        return error


class MaskingFilter(logging.Filter):
    """Lets every record pass, without secrets: message, arguments and traceback."""

    def __init__(self, mask: Masker) -> None:
        super().__init__()
        self._mask = mask

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        with contextlib.suppress(Exception):  # a record that cannot be formatted is the business of its handler
            record.msg, record.args = self._mask(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = self._mask("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
            record.exc_info = None
        elif record.exc_text:
            record.exc_text = self._mask(record.exc_text)
        return True


class _Masked:
    """A stream that masks what is written to it."""

    def __init__(self, stream: TextIO, mask: Masker) -> None:
        self._stream = stream
        self._mask = mask

    def write(self, text: str) -> int:
        self._stream.write(self._mask(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def nothing_told(mask: Masker, log: logging.Logger) -> Generator[None, None, None]:
    """A time in which neither logs (`log`, and those of libraries) nor what code prints shows a secret."""
    if not mask.hides:
        yield
        return
    hidden = MaskingFilter(mask)
    handlers = {*log.handlers, *logging.getLogger("datagw").handlers, *logging.getLogger().handlers}
    for handler in handlers:
        handler.addFilter(hidden)
    out, err = cast("TextIO", _Masked(sys.stdout, mask)), cast("TextIO", _Masked(sys.stderr, mask))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(hidden)


def masked_logger(log: logging.Logger, name: str, mask: Masker) -> logging.Logger:
    """A logger whose records go to `log`, without secrets."""
    logger = logging.Logger(name)  # noqa: LOG001 - nobody else is to find this one
    logger.addFilter(MaskingFilter(mask))
    logger.addHandler(_Onward(log))
    return logger


class _Onward(logging.Handler):
    """Hands records on to another logger."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__()
        self._log = log

    @override
    def emit(self, record: logging.LogRecord) -> None:
        if self._log.isEnabledFor(record.levelno):
            self._log.handle(record)


def _forms(value: str) -> Iterator[str]:
    """The shapes in which a secret may appear in a text."""
    yield value
    yield printable(value)
    yield repr(value)[1:-1]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    encoded = value.encode("utf-8", "surrogateescape")
    yield quote(encoded, safe="")
    yield quote(encoded)
    yield quote_plus(encoded)
    yield base64.b64encode(encoded).decode("ascii")
    yield base64.urlsafe_b64encode(encoded).decode("ascii")
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE)
