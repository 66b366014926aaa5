"""What a status or a broken connection means. No URL is ever told, for its query may be a secret."""

from __future__ import annotations

import email.utils
import socket
import ssl
import time
from collections.abc import Iterator
from http import HTTPStatus

from datagw.errors import Denied, GatewayError, NotFound, Rejected, Unavailable

_LATER = {202, 408, 425, 429}
_GONE = {404, 410}
_DENIED = {401, 403, 407}


def of_status(status: int, host: str, retry_after: str | None) -> GatewayError:
    """The error that a status other than of success stands for."""
    said = f"{host} answers {status} {_phrase(status)}".rstrip()
    if status in _GONE:
        return NotFound(f"no such file ({said})")
    if status == 401:
        return Denied(f"{said}: are username and password, token or headers right?")
    if status in _DENIED:
        return Denied(f"{said}: these credentials, or this address, may not read it")
    if status in _LATER or status >= 500:
        return Unavailable(said, retry_after=seconds(retry_after))
    return Rejected(said)


def seconds(retry_after: str | None) -> float | None:
    """What a Retry-After asks for, in seconds from now; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    try:
        return max(0.0, float(int(retry_after)))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def of_error(error: BaseException, host: str, timeout: float) -> GatewayError | None:
    """What an error of requests, of urllib3 below it, or of the socket means; None for any other."""
    import http.client
    import importlib
    from typing import Any

    requests: Any = importlib.import_module("requests.exceptions")
    urllib3: Any = importlib.import_module("urllib3.exceptions")
    known = (requests.RequestException, urllib3.HTTPError, OSError, http.client.HTTPException)
    if not isinstance(error, known):
        return None
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return Denied(
                f"the certificate of {host} is not to be trusted: {one.verify_message or 'it is not valid'}; "
                "is it the right server? A certificate authority of one's own goes into REQUESTS_CA_BUNDLE"
            )
    if any(isinstance(one, socket.gaierror) for one in chain):
        return Unavailable(f"the name {host} cannot be found")
    late = (TimeoutError, urllib3.ReadTimeoutError, requests.Timeout)
    if any(isinstance(one, late) for one in chain):
        return Unavailable(f"no answer from {host} within {timeout:g} s")
    if isinstance(error, (requests.InvalidHeader, requests.InvalidURL, requests.InvalidSchema)):
        return Rejected("the address, or a header, holds what HTTP cannot carry")
    if any(isinstance(one, (urllib3.IncompleteRead, http.client.IncompleteRead)) for one in chain):
        return Unavailable(f"{host} ended the connection before the end of the file")
    return Unavailable(f"the connection to {host} failed: {_reason(chain)}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was made of: causes, contexts, arguments, reasons."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        within = [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        todo += [inner for inner in within if isinstance(inner, BaseException)]


def _reason(chain: list[BaseException]) -> str:
    for one in chain:
        if isinstance(one, OSError) and one.strerror:
            return str(one.strerror).lower()
    return "broken off" if len(chain) > 1 else type(chain[0]).__name__


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
