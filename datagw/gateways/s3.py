"""A bucket of Amazon's S3, or of any store that speaks its protocol (MinIO, Ceph, OVH, Scaleway, R2…).

Each object is published in one request; a large one in parts that a later run goes on with. A version is the ETag.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import override

from datagw.errors import GatewayError
from datagw.files import RemoteFile
from datagw.gateways.aws import refusals
from datagw.gateways.aws.account import Account
from datagw.gateways.aws.bucket import Bucket
from datagw.gateways.base import Gateway
from datagw.gateways.objects.keys import key_of, prefix_of
from datagw.gateways.objects.place import Objects
from datagw.gateways.objects.store import Origin
from datagw.gateways.secrets import GivenSecret, Secret, TextOrSecret

_BUCKET = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{2,254}")
_ACCOUNT = ("endpoint_url", "region", "profile", "role_arn", "access_key_id", "secret_access_key", "session_token")
"""What is alike of two gateways on one store, with one account."""


class S3(Objects):
    """Objects of a bucket. Keys are paths; folders are there as long as a key begins so."""

    type: ClassVar[str] = "s3"
    small: ClassVar[int] = 4 << 20
    part: ClassVar[int] = 64 << 20

    bucket: str = Field(description="Name of the bucket; it must exist.")
    endpoint_url: str | None = Field(
        default=None,
        description='Address of a store that is not Amazon: `"https://s3.gra.io.cloud.ovh.net"`. Default: Amazon.',
    )
    region: str | None = Field(
        default=None,
        description="Region of the bucket. Default: AWS_REGION, the profile's, the one that the store names.",
    )
    profile: str | None = Field(default=None, description="Profile of `~/.aws/config`. Default: AWS_PROFILE.")
    role_arn: str | None = Field(default=None, description="Role to take on (STS AssumeRole).")
    access_key_id: TextOrSecret | None = Field(
        default=None, description="Access key. Default: the usual AWS chain: environment, profile, container, instance."
    )
    secret_access_key: GivenSecret | None = Field(default=None, description="Reference to the secret of that key.")
    session_token: GivenSecret | None = Field(
        default=None, description="Reference to the token of temporary credentials."
    )
    anonymous: bool = Field(default=False, description="Sign nothing: a public bucket.")
    addressing_style: Literal["auto", "path", "virtual"] = Field(
        default="auto",
        description='Whether the bucket stands in the path or in the host name; `"auto"`: as AWS tools do.',
    )
    storage_class: str | None = Field(default=None, description='Class of what is published: `"STANDARD_IA"`.')
    acl: str | None = Field(default=None, description='Canned ACL of what is published: `"public-read"`.')
    sse: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        default=None, description="Encryption at the store of what is published."
    )
    sse_kms_key_id: str | None = Field(default=None, description='Key of `sse = "aws:kms"`. Default: the store\'s own.')
    ca_file: str | None = Field(
        default=None, description="Certificates to trust, in PEM. Default: those of the machine."
    )
    insecure: bool = Field(default=False, description="Do not check the server's certificate.")

    @field_validator("bucket")
    @classmethod
    def _is_a_bucket(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError('the name of a bucket alone, as in "opendata"; a folder of it is `root`')
        return value

    @field_validator("endpoint_url")
    @classmethod
    def _is_an_endpoint(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ValueError('as in "https://s3.example.org", without bucket or credentials')
        return value.rstrip("/")

    @field_validator("secret_access_key")
    @classmethod
    def _has_a_key(cls, value: Secret | None, info: ValidationInfo) -> Secret | None:
        if value is not None and info.data.get("access_key_id") is None:
            raise ValueError("secret_access_key is of no use without access_key_id")
        return value

    @model_validator(mode="after")
    def _is_one_way_in(self) -> S3:
        if self.access_key_id is not None and self.secret_access_key is None:
            raise ValueError("access_key_id needs secret_access_key")
        if self.anonymous and (self.access_key_id or self.profile or self.role_arn):
            raise ValueError("anonymous, or credentials, not both")
        if self.sse_kms_key_id is not None and self.sse not in ("aws:kms", "aws:kms:dsse"):
            raise ValueError('sse_kms_key_id needs sse = "aws:kms"')
        return self

    # ---- names

    @property
    @override
    def place(self) -> str:
        return f"s3://{self.endpoint_url or 'aws'}/{self.bucket}/{self.full('')}"

    @override
    def link(self, path: str) -> str:
        if self.endpoint_url is None:
            return f"s3://{self.bucket}/{self.full(path)}"
        return f"{self.endpoint_url}/{self.bucket}/{quote(self.full(path), errors='surrogateescape')}"

    @override
    def _session(self) -> Bucket:
        key = self.access_key_id
        account = Account(
            bucket=self.bucket,
            endpoint_url=self.endpoint_url,
            region=self.region,
            profile=self.profile,
            role_arn=self.role_arn,
            access_key_id=key.reveal() if isinstance(key, Secret) else key,
            secret_access_key=self.secret_access_key.reveal() if self.secret_access_key else None,
            session_token=self.session_token.reveal() if self.session_token else None,
            anonymous=self.anonymous,
            addressing_style=self.addressing_style,
            timeout=self.timeout,
            connections=self.connections,
            ca_file=self.ca_file,
            insecure=self.insecure,
        )
        written = {
            "StorageClass": self.storage_class,
            "ACL": self.acl,
            "ServerSideEncryption": self.sse,
            "SSEKMSKeyId": self.sse_kms_key_id,
        }
        bucket = Bucket(
            account,
            {name: value for name, value in written.items() if value is not None},
            self.live.fence,
            lambda text: self.live.log.warning("%s: %s", self.name, text),
            small=self.small,
            part=self.part,
        )
        try:
            with self.speaking(""):
                bucket.reach(prefix_of(self.root, ""))
        except BaseException:
            bucket.close()
            raise
        return bucket

    @override
    def _copies_from(self, source: Gateway) -> bool:
        if self.anonymous or not isinstance(source, S3) or source.anonymous:
            return False
        return all(getattr(self, name) == getattr(source, name) for name in _ACCOUNT)

    @override
    def _origin(self, file: RemoteFile) -> Origin:
        return Origin(self.bucket, key_of(self.root, file.path), file.size, file.etag, file.path, self.name)

    @override
    def _translate(self, error: BaseException) -> GatewayError | None:
        return refusals.of_any(error)
