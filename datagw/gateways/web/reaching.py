"""How web servers are reached: the certificates that are believed and shown, and the proxy on the way."""

from __future__ import annotations

import importlib
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from datagw.errors import ConfigError
from datagw.gateways.secrets import Secret


@dataclass(frozen=True, slots=True)
class Way:
    """`proxy` is a whole address, with its credentials; the client's certificate and `insecure` are for one server."""

    ca_file: str | None = None
    insecure: bool = False
    client_cert: str | None = None
    client_key: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raises ConfigError for certificates that cannot be used, before any server is asked."""
        if self.proxy is not None and (wrong := proxy_problem(self.proxy)):
            raise ConfigError(f"proxy: {wrong}")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca_file is not None:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ValueError) as error:  # those of TLS are among them
                raise ConfigError(f"the certificates in {self.ca_file} cannot be read: {_said(error)}") from None
        if self.client_cert is not None:
            try:
                context.load_cert_chain(self.client_cert, self.client_key, password=_no_password)
            except (OSError, ValueError) as error:
                both = " and ".join(path for path in (self.client_cert, self.client_key) if path)
                raise ConfigError(f"the certificate and the key in {both} cannot be used: {_said(error)}") from None

    def asked(self, url: str, *, home: bool) -> dict[str, Any]:
        """What a request by the library requests is given; `home` is the server that credentials are for.

        Whatever is not given here comes from the environment: REQUESTS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY.
        """
        found: dict[str, Any] = {"verify": self.ca_file or True}
        if home and self.insecure:
            found["verify"] = False
        if home and self.client_cert is not None:
            found["cert"] = (self.client_cert, self.client_key) if self.client_key else self.client_cert
        if self.proxy is not None and not _is_near(url):
            found["proxies"] = {"http": self.proxy, "https": self.proxy}
        return found

    def proxy_of(self, url: str) -> str | None:
        """Host and port of the proxy on the way to a URL, as it may be shown; None where there is none."""
        proxy: str | None = None
        if self.proxy is None:
            utils: Any = importlib.import_module("requests.utils")
            proxy = utils.select_proxy(url, utils.get_environ_proxies(url))
        elif not _is_near(url):
            proxy = self.proxy
        if proxy is None:
            return None
        try:
            return urlsplit(proxy if "://" in proxy else f"//{proxy}").netloc.rpartition("@")[2]
        except ValueError:
            return "of the environment"


def proxy_problem(url: str) -> str:
    """What is wrong with the address of a proxy, which is not told; nothing if it is right."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is no address of a proxy"
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query or parts.fragment:
        return 'is the address of a proxy, as in "http://proxy.example.org:3128"'
    return ""


def checked_proxy(value: str | Secret | None, *, by_code: bool) -> str | Secret | None:
    """The address of a proxy, hidden where it holds credentials and code says it; ValueError says what to write."""
    if not isinstance(value, str):
        return value
    if has_credentials(value):
        if not by_code:
            raise ValueError('an address with credentials is a secret: write { env = "NAME" }')
        return Secret(value=SecretStr(value))
    if wrong := proxy_problem(value):
        raise ValueError(wrong)
    return value


def has_credentials(url: str) -> bool:
    """Whether an address holds credentials."""
    return "@" in url


def _is_near(url: str) -> bool:
    """Whether NO_PROXY names the server."""
    utils: Any = importlib.import_module("requests.utils")
    return utils.should_bypass_proxies(url, no_proxy=None)


def _no_password() -> str:
    """OpenSSL would ask the terminal for one."""
    return ""


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "this is no certificate in PEM").lower().replace("_", " ")
    return (getattr(error, "strerror", None) or str(error)).lower()
