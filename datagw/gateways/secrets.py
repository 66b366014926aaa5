"""References to secrets: where a value is to be found, never the value.

A job file says `{ env = "NAME" }` or `{ file = "/run/secrets/x" }`, and the value is read when a gateway opens, so that
loading definitions needs none. Python code may hand over the secret itself, which is hidden at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

from pydantic import GetCoreSchemaHandler, PlainSerializer, PlainValidator, SecretStr
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import override

from datagw.errors import ConfigError

_FORMS = 'a secret is a reference: { env = "NAME" } or { file = "/run/secrets/name" }'


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A reference to a secret: exactly one of an environment variable, a file, or a value that is hidden already."""

    env: str | None = None
    file: str | None = None
    value: SecretStr | None = None

    def __post_init__(self) -> None:
        if [self.env, self.file, self.value].count(None) != 2:
            raise ConfigError(_FORMS)

    def reveal(self) -> str:
        """The value as it is now; raises ConfigError that names the variable or file where there is none.

        One newline at the end of a file is not part of the secret.
        """
        if self.value is not None:
            return self.value.get_secret_value()
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                raise ConfigError(f"the environment variable {self.env} is not set")
            return found
        return self._read(os.path.expanduser(str(self.file)))

    def missing(self) -> str | None:
        """What is wrong with the reference, in words; None where it leads to a value."""
        try:
            self.reveal()
        except ConfigError as error:
            return str(error)
        return None

    @staticmethod
    def _read(path: str) -> str:
        try:
            raw = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"the secret file {path} cannot be read: {error.strerror}") from None
        except ValueError:
            raise ConfigError("the path of a secret file cannot hold a NUL byte") from None
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:  # which would carry the value
            raise ConfigError(f"the secret file {path} is not UTF-8") from None
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise ConfigError(f"the secret file {path} is empty")
        return text

    @override
    def __repr__(self) -> str:
        if self.env is not None:
            return f"Secret(env={self.env!r})"
        return f"Secret(file={self.file!r})" if self.file is not None else "Secret(value=**********)"

    def reference(self) -> dict[str, str]:
        """What may be written down: the form of the job file, or stars in place of a value."""
        if self.env is not None:
            return {"env": self.env}
        return {"file": self.file} if self.file is not None else {"value": "**********"}

    @classmethod
    def of(cls, given: object, info: core_schema.ValidationInfo) -> Secret:
        """What a job file, or a caller, wrote as a secret; anything but a reference is refused, and not shown.

        A job file is known by its context: only Python code may say the secret itself.
        """
        if isinstance(given, Secret):
            return given
        if isinstance(given, str) and given and info.context is None:
            given = SecretStr(given)
        if isinstance(given, SecretStr):
            return cls(value=given)
        match list(cast("dict[str, object]", given).items() if isinstance(given, dict) else ()):
            case [("env", str(name))] if name:
                return cls(env=name)
            case [("file", str(name))] if name:
                base = cast("dict[str, Any]", info.context or {}).get("base")
                return cls(file=name if base is None or name.startswith("~") else os.path.join(base, name))
            case _:
                pass
        raise PydanticCustomError("secret", f"{_FORMS}; the value itself does not stand in the file")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            cls.of,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda secret: secret.reference()),
        )


if TYPE_CHECKING:
    GivenSecret: TypeAlias = Any  # a text may go in, a Secret comes out: no annotation of a field says both
else:
    GivenSecret = Secret


def _text_or_secret(given: object, info: core_schema.ValidationInfo) -> str | Secret:
    return given if isinstance(given, str) else Secret.of(given, info)


TextOrSecret = Annotated[
    str | Secret,
    PlainValidator(_text_or_secret),
    PlainSerializer(lambda value: value.reference() if isinstance(value, Secret) else value),
]
"""A text that may stand in the file, or a reference to one that may not."""
