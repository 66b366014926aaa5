"""Content hashes that an SSH server computes itself, many files to one command.

Names go to `xargs` on its input, each ended by a NUL byte; none ever stands in a command line that a shell reads. An
answer counts only where it is of the exact form; anything else (no shell, another shell, a restricted one, a timeout)
is no answer, never an error, and is not asked for again in this session.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

LARGE = 16 * 1024 * 1024  # bytes; from here on openssl, which is quicker where sha256sum lacks the processor's help
_BATCH_FILES, _BATCH_BYTES = 4_000, 256 * 1024
_LONGEST = 8 * 1024 * 1024
_SOME_FAILED, _NOT_FOUND = 123, 127  # exit status of xargs: a command failed; it is not there

_ZERO = re.compile(rb"([0-9a-f]{64}) [ *](.+)", re.DOTALL)
_PLAIN = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)")
_OPENSSL = re.compile(rb"\\?([0-9a-f]{64}) \*")
_ESCAPES = {rb"\\": b"\\", rb"\n": b"\n", rb"\r": b"\r"}


class Ask(NamedTuple):
    """A file to be hashed: its absolute path on the server, and its size in bytes."""

    path: bytes
    size: int


class _Output(NamedTuple):
    text: bytes
    status: int


class Shell:
    """Hashes by exec on one SSH connection; remembers what the server does not do."""

    def __init__(self, transport: Any, timeout: float) -> None:
        self._transport = transport
        self._timeout = timeout
        self._answers = True
        self._with_nul: bool | None = None  # whether sha256sum has -z, once it is known
        self._has_openssl = True

    @property
    def answers(self) -> bool:
        """Whether it is worth asking."""
        return self._answers

    def hashes(self, asks: Sequence[Ask], fence: Callable[[], None] = lambda: None) -> dict[bytes, str]:
        """SHA-256 by path, for those files that got an answer; at most two commands run at once.

        `fence` is asked twice a second whether to go on, for a large file takes its time; it raises if not.
        """
        large = [ask for ask in asks if ask.size >= LARGE]
        found: dict[bytes, str] = {}
        pool = ThreadPoolExecutor(2, thread_name_prefix="datagw-sftp-hash")
        try:
            running: list[Future[dict[bytes, str]]] = [pool.submit(self._large, ask) for ask in large]
            small = [ask for ask in asks if ask.size < LARGE]
            running.extend(pool.submit(self._small, batch) for batch in _batches(small))
            for one in running:
                while wait([one], timeout=0.5).not_done:
                    fence()
                found.update(one.result())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _large(self, ask: Ask) -> dict[bytes, str]:
        if self._has_openssl:
            output = self._run(b"xargs -0 -n 1 openssl dgst -sha256 -r", [ask])
            if output is None:
                return {}
            match = _OPENSSL.match(output.text)
            if output.status == 0 and match is not None:
                return {ask.path: match[1].decode()}
            self._has_openssl = self._has_openssl and output.status != _NOT_FOUND
        return self._small([ask])

    def _small(self, asks: Sequence[Ask]) -> dict[bytes, str]:
        wanted = {ask.path for ask in asks}
        for with_nul in (True, False) if self._with_nul is None else (self._with_nul,):
            output = self._run(b"xargs -0 -n 500 sha256sum " + (b"-z --" if with_nul else b"--"), asks)
            if output is None:
                return {}
            parsed = _records(output.text) if with_nul else _lines(output.text)
            found = {path: digest for path, digest in parsed if path in wanted}
            if found:
                self._with_nul = with_nul
                return found
            self._answers = output.status == _SOME_FAILED  # then these files cannot be read, others perhaps can
        return {}

    def _run(self, command: bytes, asks: Sequence[Ask]) -> _Output | None:
        """What a command says to these names; None where it does not run, or not in time, and never asked again."""
        if not self._answers:
            return None
        paramiko: Any = importlib.import_module("paramiko")
        patience = 2 * self._timeout + sum(ask.size for ask in asks) / 20e6
        try:
            channel = self._transport.open_session(timeout=self._timeout)
        except (paramiko.SSHException, OSError, EOFError):
            self._answers = False
            return None
        watchdog = threading.Timer(patience, channel.close)
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.exec_command(command)
            channel.sendall(b"".join(ask.path + b"\0" for ask in asks))
            channel.shutdown_write()
            text = bytearray()
            while (chunk := channel.recv(1 << 20)) and len(text) < _LONGEST:
                text += chunk
            return _Output(bytes(text), channel.recv_exit_status())
        except (paramiko.SSHException, OSError, EOFError):
            self._answers = False
            return None
        finally:
            watchdog.cancel()
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
                channel.close()


def _batches(asks: Sequence[Ask]) -> Iterator[list[Ask]]:
    batch: list[Ask] = []
    size = 0
    for ask in asks:
        if batch and (len(batch) >= _BATCH_FILES or size + len(ask.path) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(ask)
        size += len(ask.path) + 1
    if batch:
        yield batch


def _records(text: bytes) -> Iterator[tuple[bytes, str]]:
    """Name and hash of each record of `sha256sum -z`."""
    for record in text.split(b"\0"):
        match = _ZERO.fullmatch(record)
        if match is not None:
            yield match[2], match[1].decode()


def _lines(text: bytes) -> Iterator[tuple[bytes, str]]:
    """Name and hash of each line; a leading backslash says that the name is escaped."""
    for line in text.split(b"\n"):
        match = _PLAIN.fullmatch(line)
        if match is not None:
            name = match[3]
            if match[1]:
                name = re.sub(rb"\\[\\nr]", lambda escape: _ESCAPES[escape[0]], name)
            yield name, match[2].decode()
