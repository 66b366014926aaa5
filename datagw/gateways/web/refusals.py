"""What a status or a broken connection means. No URL is ever told, for its query may be a secret."""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
from collections.abc import Iterator
from http import HTTPStatus

from datagw.errors import Denied, GatewayError, NotFound, Rejected, Unavailable

_LATER = {202, 408, 425, 429}
_GONE = {404, 410}
_DENIED = {401, 403, 407}


_SCHEMES = ("Basic", "Bearer", "Digest", "Negotiate", "NTLM")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})\b")


def of_status(
    status: int, host: str, retry_after: str | None, *, asks: str = "", proxy: str | None = None
) -> GatewayError:
    """The error that a status other than of success stands for.

    `asks` is the header by which the server says how one tells who one is, `proxy` the one that the answer came by.
    """
    said = f"{host} answers {status} {_phrase(status)}".rstrip()
    if proxy is not None and status == 407:
        return Denied(f"the proxy {proxy} answers 407: are the credentials in its address right?")
    if status in _GONE:
        return NotFound(f"no such file ({said})")
    if status == 401:
        known = [scheme for scheme in _SCHEMES if re.search(rf"\b{scheme}\b", asks, re.IGNORECASE)]
        told = f" It asks for {' or '.join(known)}" if known else ""
        return Denied(f"{said}: are username and password, token or headers right?{told}")
    if status in _DENIED:
        return Denied(f"{said}: these credentials, or this address, may not read it")
    if status in _LATER or status >= 500:
        return Unavailable(said + _by(proxy), retry_after=seconds(retry_after))
    return Rejected(said)


def _by(proxy: str | None) -> str:
    return f" (by way of the proxy {proxy})" if proxy is not None else ""


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


def of_error(error: BaseException, host: str, timeout: float, proxy: str | None = None) -> GatewayError | None:
    """What an error of requests, of urllib3 below it, or of the socket means; None for any other.

    What keeps one from getting through the `proxy` is told as the proxy's.
    """
    import http.client
    import importlib
    from typing import Any

    requests: Any = importlib.import_module("requests.exceptions")
    urllib3: Any = importlib.import_module("urllib3.exceptions")
    known = (requests.RequestException, urllib3.HTTPError, OSError, http.client.HTTPException)
    if not isinstance(error, known):
        return None
    chain = list(_chain(error))
    if proxy is not None:
        found = next((_TUNNEL.match(str(one)) for one in chain if type(one) is OSError), None)
        if found is not None:
            return _of_tunnel(int(found[1]), host, proxy)
        if any(isinstance(one, urllib3.ProxyError) for one in chain):
            ours = of_error(error, proxy, timeout)
            return None if ours is None else type(ours)(f"the proxy does not work: {ours.message}")
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return Denied(
                f"the certificate of {host} is not to be trusted: {one.verify_message or 'it is not valid'}; "
                "is it the right server? An authority of one's own is named by `ca_file`, or by REQUESTS_CA_BUNDLE"
            )
    if (
        alert := next((one for one in chain if isinstance(one, ssl.SSLError) and _wants_another(one)), None)
    ) is not None:
        return Denied(f"{host} does not take this client's certificate ({str(alert.reason).lower().replace('_', ' ')})")
    if any(isinstance(one, socket.gaierror) for one in chain):
        return Unavailable(f"the name {host} cannot be found")
    late = (TimeoutError, urllib3.ReadTimeoutError, requests.Timeout)
    if any(isinstance(one, late) for one in chain):
        return Unavailable(f"no answer from {host} within {timeout:g} s{_by(proxy)}")
    if isinstance(error, (requests.InvalidHeader, requests.InvalidURL, requests.InvalidSchema)):
        return Rejected("the address, or a header, holds what HTTP cannot carry")
    if any(isinstance(one, (urllib3.IncompleteRead, http.client.IncompleteRead)) for one in chain):
        return Unavailable(f"{host} ended the connection before the end of the file{_by(proxy)}")
    return Unavailable(f"the connection to {host} failed: {_reason(chain)}{_by(proxy)}")


def _of_tunnel(status: int, host: str, proxy: str) -> GatewayError:
    said = f"the proxy {proxy} answers {status} {_phrase(status)}".rstrip()
    if status == 407:
        return Denied(f"{said}: are the credentials in its address right?")
    if status in (*_LATER, *_GONE) or status >= 500:
        return Unavailable(f"{said}: it does not reach {host}")
    return Denied(f"{said}: it leads nobody to {host}")


def _wants_another(error: ssl.SSLError) -> bool:
    """Whether a server says, by an alert of TLS, that the client has no certificate, or not the right one."""
    return (
        re.search("ALERT_(BAD_CERT|UNKNOWN_CA|CERTIFICATE|ACCESS)|CERTIFICATE_REQUIRED", str(error.reason)) is not None
    )


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
