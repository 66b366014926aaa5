"""Who we are to an S3 store, and the two clients that speak for us: botocore's, and obstore's for many small objects.

Credentials and region come as AWS's own tools find them (settings, environment, profile, container, instance, role).
"""

# botocore has no types.
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

import gzip
import json
import logging
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from datagw import __version__
from datagw.errors import ConfigError

if TYPE_CHECKING:
    from obstore.store import S3Store

_VALID = timedelta(minutes=5)  # for which obstore keeps credentials before it asks again
_FIRST = "us-east-1"  # what stores without regions are signed for


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """What a gateway says of itself; secrets revealed, so that it is made when a session opens and never shown."""

    bucket: str
    endpoint_url: str | None
    region: str | None
    profile: str | None
    role_arn: str | None
    access_key_id: str | None
    secret_access_key: str | None
    session_token: str | None
    anonymous: bool
    addressing_style: str
    timeout: float
    connections: int
    ca_file: str | None
    insecure: bool

    @property
    def at_aws(self) -> bool:
        """Whether this is Amazon's own S3."""
        return self.endpoint_url is None or ".amazonaws.com" in self.endpoint_url

    def session(self) -> Any:
        """A botocore session with its credentials."""
        try:
            import botocore.exceptions
            import botocore.session
        except ImportError:
            raise ConfigError("a gateway of type s3 needs libraries: pip install 'datagw[s3]'") from None
        loud = logging.getLogger("botocore")
        if loud.level == logging.NOTSET:
            loud.setLevel(logging.INFO)  # at DEBUG it tells headers, and the session token is one
        found: Any = botocore.session.Session(profile=self.profile)
        found.register_component("data_loader", _loader())
        try:
            found.get_scoped_config()
        except botocore.exceptions.ProfileNotFound as error:
            raise ConfigError(f"{error}; mend `profile`, or ~/.aws/config") from None
        if self.ca_file is not None and not os.access(self.ca_file, os.R_OK):
            raise ConfigError(f"the certificates in {self.ca_file} cannot be read")
        if self.access_key_id is not None:
            found.set_credentials(self.access_key_id, self.secret_access_key, self.session_token)
        if self.role_arn is not None and not self.anonymous:
            self._take_role(found)
        return found

    def _take_role(self, session: Any) -> None:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        def client(service: str, **kwargs: Any) -> Any:
            elsewhere = None if self.at_aws else self.endpoint_url  # a store that is no AWS has its STS at home
            region = self.region or session.get_config_variable("region") or _FIRST
            return session.create_client(service, region_name=region, endpoint_url=elsewhere, **kwargs)

        source = session.get_credentials()
        if source is None:
            raise ConfigError("role_arn: there are no credentials to take the role with")
        fetcher = AssumeRoleCredentialFetcher(client, source, self.role_arn, extra_args={"RoleSessionName": "datagw"})
        session._credentials = DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def client(self, session: Any, region: str | None = None, *, patience: float = 0.0) -> Any:
        """botocore's client: it never tries again by itself, and computes no checksums that nobody asked for.

        `patience` is how many seconds it waits for an answer, where that is more than `timeout`.
        """
        from botocore import UNSIGNED
        from botocore.config import Config

        if self.insecure:
            import urllib3

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # once for each request
        config = Config(
            signature_version=UNSIGNED if self.anonymous else "s3v4",
            connect_timeout=self.timeout,
            read_timeout=max(self.timeout, patience),
            max_pool_connections=self.connections + 4,
            tcp_keepalive=True,
            retries={"total_max_attempts": 1},
            user_agent_extra=f"datagw/{__version__}",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": self.addressing_style, "payload_signing_enabled": False},
        )
        return session.create_client(
            "s3",
            region_name=region or self.region or session.get_config_variable("region") or _FIRST,
            endpoint_url=self.endpoint_url,
            verify=False if self.insecure else self.ca_file,
            config=config,
        )

    def store(self, session: Any, client: Any, written: dict[str, str]) -> S3Store:
        """obstore's client for the same bucket, with the same credentials; `written` by botocore's names."""
        try:
            from obstore.store import S3Store
        except ImportError:
            raise ConfigError("a gateway of type s3 needs libraries: pip install 'datagw[s3]'") from None
        endpoint: str = client.meta.endpoint_url
        virtual = self._virtual(client)
        config: dict[str, Any] = {
            "region": client.meta.region_name,
            "endpoint": _with_bucket(endpoint, self.bucket) if virtual else endpoint,
            "virtual_hosted_style_request": virtual,
            "disable_bulk_delete": True,
        }
        if self.at_aws:
            config["checksum_algorithm"] = "SHA256"
        if (sse := written.get("ServerSideEncryption")) is not None:
            config["server_side_encryption"] = sse
        if (key := written.get("SSEKMSKeyId")) is not None:
            config["sse_kms_key_id"] = key
        provider = None
        if self.anonymous:
            config["skip_signature"] = True
        else:
            provider = _provider(session)
        client_options: dict[str, Any] = {
            "allow_http": endpoint.startswith("http://"),
            "allow_invalid_certificates": self.insecure,
            "connect_timeout": timedelta(seconds=self.timeout),
            "timeout": timedelta(seconds=4 * self.timeout),  # of a whole request, which carries a few MiB at most
            "user_agent": f"datagw/{__version__}",
        }
        if self.ca_file is not None:
            client_options["root_certificate"] = Path(self.ca_file).read_bytes()
        return S3Store(
            self.bucket,
            config=config,  # type: ignore[arg-type]
            client_options=client_options,  # type: ignore[arg-type]
            retry_config={"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
            credential_provider=provider,
        )

    def _virtual(self, client: Any) -> bool:
        """Whether the bucket stands in the host's name, as botocore would have it."""
        if self.addressing_style != "auto":
            return self.addressing_style == "virtual"
        url: str = client.generate_presigned_url("get_object", Params={"Bucket": self.bucket, "Key": "x"})
        return url.partition("://")[2].startswith(f"{self.bucket}.")


@cache
def _loader() -> Any:
    """botocore's descriptions of services, read once in a process: they are most of what a session costs.

    Its own reader makes ordered dicts, and searches through the folders of all services first: twice the time.
    """
    from botocore.loaders import JSONFileLoader, Loader

    class Files(JSONFileLoader):
        @override
        def load_file(self, file_path: str) -> Any:
            for name, open_it in ((f"{file_path}.json", open), (f"{file_path}.json.gz", gzip.open)):
                if os.path.isfile(name):
                    with open_it(name, "rb") as file:
                        return json.load(file)
            return None

    class Descriptions(Loader):
        @override
        def list_available_services(self, type_name: str) -> Any:
            return _Every()

    return Descriptions(file_loader=Files())


class _Every:
    """The names of all services: that there is none of a name is told when its description is read."""

    def __contains__(self, name: object) -> bool:
        return True


def _with_bucket(endpoint: str, bucket: str) -> str:
    scheme, _, rest = endpoint.partition("://")
    return f"{scheme}://{bucket}.{rest}"


def _provider(session: Any) -> Any:
    def credentials() -> dict[str, Any]:
        frozen = session.get_credentials().get_frozen_credentials()
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(UTC) + _VALID,
        }

    return credentials
