"""data.gouv.fr, and any other udata: data sets as folders, their resources as files (https://guides.data.gouv.fr).

`DATASET/NAME` is a path; DATASET a slug or id. A file is published in one request, under an id that never changes, or
as a link to where it stands already. A version is the checksum that the place computed.
"""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from pydantic import Field, ValidationInfo, field_validator
from typing_extensions import override

from datagw import __version__
from datagw.errors import ConfigError, Denied, GatewayError, NotFound
from datagw.gateways.secrets import Secret, TextOrSecret
from datagw.gateways.udata.api import Api
from datagw.gateways.udata.place import DataSets
from datagw.gateways.web import addresses, asking
from datagw.gateways.web.asking import Asking
from datagw.gateways.web.reaching import Way, checked_proxy

_PRODUCTION = "https://www.data.gouv.fr"
_DEMO = "https://demo.data.gouv.fr"


class Datagouv(DataSets):
    """A udata, and the data sets of it that an account may edit; what is public there is read without one."""

    type: ClassVar[str] = "datagouv"

    connections: int = Field(default=4, ge=1, le=16, description="Chunks of a large file in flight at once.")
    url: str = Field(default=_PRODUCTION, description="Address of the udata.")
    demo: bool = Field(default=False, description=f"The place to try things out, `{_DEMO}`, in the place of `url`.")
    ca_file: str | None = Field(
        default=None, description="File with the certificates of authorities to believe; else those of this machine."
    )
    insecure: bool = Field(
        default=False, description="Take any certificate of this server: whoever answers is believed."
    )
    proxy: TextOrSecret | None = Field(
        default=None,
        description='Address of a proxy, `"http://proxy.example.org:3128"`; with credentials: a reference. '
        "Default: HTTPS_PROXY, HTTP_PROXY. Servers in NO_PROXY are asked directly.",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value in addresses.ANY_SERVER:
            raise ValueError(f'is a web address, as in "{_PRODUCTION}"')
        return addresses.checked(value).removesuffix("/api/1")

    @field_validator("demo")
    @classmethod
    def _is_one_place(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("url") not in (_PRODUCTION, _DEMO):
            raise ValueError("either demo or url")
        return value

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: str | Secret | None, info: ValidationInfo) -> str | Secret | None:
        return checked_proxy(value, by_code=info.context is None)

    # ---- names

    @property
    def address(self) -> str:
        """Where the udata is."""
        return _DEMO if self.demo else self.url

    @property
    @override
    def place(self) -> str:
        return f"{self.address}/datasets/{self.full('')}"

    @override
    def link(self, path: str) -> str:
        """The page of the data set, or of the resource where its id is known by now."""
        name, _ = self._parted(path)
        page = f"{self.address}/datasets/{quote(name, safe='', errors='surrogateescape')}/" if name else self.address
        number = self._ids.get(self.full(path))
        return page if number is None else f"{page}#/resources/{number}"

    # ---- the session

    @override
    def _session(self) -> Api:
        try:
            requests = asking.client()
        except ImportError:
            raise ConfigError("a gateway of type datagouv needs a library: pip install 'datagw[datagouv]'") from None
        token = self.token.reveal() if self.token is not None else ""
        if not token.isascii() or not token.isprintable() or token != token.strip():
            raise ConfigError("the token holds what a header cannot carry")
        proxy = self.proxy.reveal() if isinstance(self.proxy, Secret) else self.proxy
        way = Way(ca_file=self.ca_file, insecure=self.insecure, proxy=proxy)
        way.check()
        if self.insecure:
            asking.without_warnings()
            self._warn(f"the certificate of {self.address} is not checked (insecure = true)")
        asks = Asking(
            requests,
            home=self.address,
            secret={"X-API-KEY": token} if token else {},
            headers={"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": f"datagw/{__version__}"},
            query="",
            timeout=self.timeout,
            fence=self.live.fence,
            warn=self._warn,
            way=way,
        )
        api = Api(
            asks,
            self.address,
            connections=self.connections,
            timeout=self.timeout,
            fence=self.live.fence,
            secret=token,
            uploaded=self._uploaded,
        )
        try:
            with self.speaking(""):
                self._known_there(api, "api/1/me/" if token else "api/1/site/")
        except BaseException:
            api.close()
            raise
        return api

    @staticmethod
    def _known_there(api: Api, path: str) -> None:
        """Asks who we are, so that a wrong token or address is told of before anything else goes wrong."""
        try:
            api.get(path)
        except NotFound as error:
            raise Denied(f"{api.host} is no udata ({error.message}); is `url` right?") from None

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return None  # `Asking` has done so, for what is raised there may hold secrets
