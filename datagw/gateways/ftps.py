"""A folder on an FTP server under TLS (RFC 4217): login, names and content are encrypted, the certificate is checked.

SFTP is another protocol, and another type.
"""

from __future__ import annotations

import ssl
from typing import Any, ClassVar, Literal, cast

from pydantic import Field, model_validator
from typing_extensions import override

from datagw.errors import ConfigError
from datagw.gateways.ftp import Ftp
from datagw.gateways.ftp_wire.control import Control


class Ftps(Ftp):
    """A folder on an FTP server, under TLS."""

    type: ClassVar[str] = "ftps"

    port: int = Field(default=21, ge=1, le=65535, description="TCP port; 990 where `tls` is `implicit`.")
    tls: Literal["explicit", "implicit"] = Field(
        default="explicit", description="TLS is asked for after the greeting (AUTH TLS), or is there from the start."
    )
    ca_file: str | None = Field(
        default=None, description="File with the certificates of authorities to believe; else those of this machine."
    )
    insecure: bool = Field(default=False, description="Take any certificate: whoever answers is believed.")

    @model_validator(mode="before")
    @classmethod
    def _implicit_tls_has_its_own_port(cls, given: object) -> object:
        if isinstance(given, dict):
            fields = cast("dict[str, Any]", given)
            if fields.get("tls") == "implicit" and "port" not in fields:
                return {**fields, "port": 990}
        return cast("object", given)

    @override
    def _connected(self) -> Control:
        return Control(
            self.host,
            self.port,
            timeout=self.timeout,
            encoding=self.encoding,
            keepalive=self.keepalive,
            fence=self._ask_fence,
            known=self._known,
            tls=self._context(),
            implicit=self.tls == "implicit",
        )

    def _context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"the certificates in {self.ca_file} cannot be read: {error}") from error
        if self.insecure:
            self.live.log.warning("%s: the certificate of %s is not checked (insecure = true)", self.name, self.host)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
