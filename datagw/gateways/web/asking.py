"""Questions to web servers: credentials go to their own server only, redirects are followed, errors become ours."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from datagw.errors import GatewayError, Rejected, Unavailable
from datagw.files import RemoteFile
from datagw.gateways.web import refusals
from datagw.gateways.web.answers import Answer
from datagw.gateways.web.reaching import Way
from datagw.gateways.web.waiting import in_time

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 10
_PORTS = {"http": 80, "https": 443}


class Asking:
    """A session: connections that are kept open, and what is sent to the home server alone."""

    def __init__(
        self,
        requests: Any,
        *,
        home: str,
        secret: Mapping[str, str],
        headers: Mapping[str, str],
        query: str,
        timeout: float,
        fence: Callable[[], None],
        warn: Callable[[str], None],
        way: Way | None = None,
        auth: Any = None,
        etags: bool = True,
    ) -> None:
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.auth = _no_netrc
        self._session.get_redirect_target = _no_target
        self._home = home
        self._secret = dict(secret)
        self._headers = dict(headers)
        self._way = way or Way()
        self._auth = auth
        self._etags = etags
        self._timeout = timeout
        self._fence = fence
        self._warn = warn
        self._warned: set[str] = set()
        self.query = query
        self.without_head: set[str] = set()
        self.silent: set[str] = set()  # servers that gave no answer at all
        self.just_read: dict[str, tuple[RemoteFile, float]] = {}  # by path, with the monotonic time

    def close(self) -> None:
        """Ends the connections that nobody uses; the others end when their answer has."""
        self._session.close()

    def ask(self, method: str, url: str, **headers: str) -> Answer:
        """The answer, whatever its status, redirects followed. Native errors have become ours, and name no URL."""
        for _ in range(_MOST_REDIRECTS + 1):
            host = host_of(url)
            response = self._send(method, url, host, headers)
            target = response.headers.get("Location") if response.status_code in _REDIRECTS else None
            if target is None:
                answer = Answer(response, url, host, self._timeout, self._fence, self._way.proxy_of(url))
                answer.etag = answer.etag if self._etags else None
                return answer
            response.close()
            url = self._followed(url, target, host)
        raise Rejected(f"{host_of(url)} leads on for ever: more than {_MOST_REDIRECTS} redirects")

    def send(
        self,
        method: str,
        url: str,
        body: Any,
        *,
        seconds: float,
        headers: Mapping[str, str],
        whole: float | None = None,
    ) -> Answer:
        """The answer to a request with a body (bytes, or blocks that tell their length); no redirect is followed.

        Neither the place nor the line may be silent for `seconds`; all of it may take twice as long, or `whole`.
        """
        host = host_of(url)
        response = self._send(method, url, host, headers, body, seconds, whole)
        return Answer(response, url, host, self._timeout, self._fence, self._way.proxy_of(url))

    def speak(self, error: BaseException, host: str, proxy: str | None = None) -> GatewayError | None:
        """What a native error means."""
        return refusals.of_error(error, host, self._timeout, proxy)

    def _send(
        self,
        method: str,
        url: str,
        host: str,
        headers: Mapping[str, str],
        body: Any = None,
        seconds: float = 0,
        whole: float | None = None,
    ) -> Any:
        seconds = seconds or self._timeout
        sent = {**self._headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        home = same_server(self._home, url)
        if home:
            sent.update(self._secret)
        way = self._way.asked(url, home=home) | {"auth": self._auth if home else None}

        def work() -> Any:
            return self._session.request(
                method, url, headers=sent, data=body, stream=True, allow_redirects=False, timeout=seconds, **way
            )

        try:
            return in_time(work, whole or 2 * seconds, self._fence, lambda late: late.close())
        except Exception as error:
            ours = refusals.of_error(error, host, seconds, self._way.proxy_of(url))
            if ours is None:
                raise
            if isinstance(ours, Unavailable):
                self.silent.add(host)
            raise ours from None  # its text and its causes hold the URL

    def _followed(self, url: str, target: str, host: str) -> str:
        try:
            found = urljoin(url, target.encode("latin-1", "replace").decode("utf-8", "replace"))
            scheme, there = urlsplit(found).scheme, host_of(found)
        except ValueError:
            scheme, there, found = "", "", ""
        if scheme not in _PORTS or not there:
            raise Rejected(f"{host} redirects to what is no web address")
        if url.startswith("https:") and scheme == "http":
            self.warn_once(f"{host} redirects from https to http, to {there}: nobody proves whose bytes these are")
        return found

    def warn_once(self, text: str) -> None:
        """Logs it, the first time in this session."""
        if text not in self._warned:
            self._warned.add(text)
            self._warn(text)


def host_of(url: str) -> str:
    """The server of a URL, with its port where it is not the usual one."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def same_server(home: str, url: str) -> bool:
    """Whether credentials for `home` may go to `url`: scheme, host and port are the same, or http became https."""
    one, other = urlsplit(home), urlsplit(url)
    if (one.hostname or "").lower() != (other.hostname or "").lower():
        return False
    ports = [part.port or _PORTS.get(part.scheme) for part in (one, other)]
    if one.scheme == other.scheme:
        return ports[0] == ports[1]
    return (one.scheme, other.scheme, *ports) == ("http", "https", 80, 443)


def _no_netrc(request: Any) -> Any:
    """Credentials are those of the job file, and none else."""
    return request


def _no_target(response: Any) -> None:
    """Redirects are followed here; requests would read their whole bodies, and send custom headers to anybody."""


def client() -> Any:
    """The library requests, imported now."""
    return importlib.import_module("requests")


def without_warnings() -> None:
    """Keeps urllib3 from warning at each request of a certificate that is not checked; it was warned of once."""
    urllib3: Any = importlib.import_module("urllib3")
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
