"""What an S3 store's refusals mean: its error codes and statuses, of botocore and of obstore, as ours.

Codes: "Error responses", https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

# botocore has no types.
# pyright: reportMissingTypeStubs=false
from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from datagw.errors import Changed, Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported

_CREDENTIALS = {
    "InvalidAccessKeyId": "the access key is not known here",
    "SignatureDoesNotMatch": "the secret access key is wrong",
    "ExpiredToken": "the credentials have expired",
    "TokenRefreshRequired": "the credentials have expired",
    "InvalidToken": "the session token is wrong",
    "InvalidTokenId": "the session token is wrong",
    "InvalidClientTokenId": "the access key is not known here",
    "RequestTimeTooSkewed": "this machine's clock is wrong by more than 15 minutes, so that no signature is taken",
}
_ELSEWHERE = {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraint"}
_SENT_BADLY = {
    "BadDigest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
    "IncompleteBody",
    "RequestTimeout",
    "ConditionalRequestConflict",
    "OperationAborted",
}
_SLOW = {
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequests",
    "ServiceUnavailable",
}
_FULL = {
    "QuotaExceeded",
    "InsufficientStorage",
    "XMinioStorageFull",
    "XMinioAdminBucketQuotaExceeded",
    "EntityQuotaExceeded",
}
_ABSENT = {"NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound", "404"}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


def refusal(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> GatewayError:
    """The error that a status, a code and a message stand for; `headers` in lower case."""
    headers = headers or {}
    if (credentials := _CREDENTIALS.get(code)) is not None:
        return Denied(f"{credentials} ({code})")
    if code == "NoSuchBucket":
        return Denied("there is no such bucket; make it, or mend `bucket` or `endpoint_url`")
    if code in _ELSEWHERE or status in (301, 307):
        where = headers.get("x-amz-bucket-region")
        return Denied(f"the bucket is in another region{f'; region = {where!r}' if where else ''} ({code or status})")
    if code == "InvalidObjectState":
        return Rejected("the object is archived; it has to be restored before it can be read")
    if code in _FULL or status == 507:
        return Full(f"the store has no room left, or a quota is used up ({code or status})")
    if status == 412 or code == "PreconditionFailed":
        return Changed("the object is another one by now")
    if code in _SENT_BADLY:
        return Unavailable(f"the store asks to send it again ({code}: {text})")
    if code in _SLOW or status in (408, 429) or (status >= 500 and status != 501):
        return Unavailable(f"the store cannot answer now ({code or status})", retry_after=retry_after(headers))
    if status == 501 or code == "NotImplemented":
        return Unsupported(f"the store cannot do this ({text or code})")
    if code in _ABSENT or status == 404:
        return NotFound("no such object")
    if status in (401, 403):
        reason = code if code and not code.isdigit() else "access denied"
        return Denied(f"the store refuses ({reason}); mend the rights of these credentials")
    return Rejected(f"the store refuses it ({code or status}{f': {text}' if text else ''})")


def of_any(error: BaseException) -> GatewayError | None:
    """Ours for an error of either client, or one that is ours already."""
    return error if isinstance(error, GatewayError) else of_obstore(error) or of_client(error)


def is_absence(error: BaseException) -> bool:
    """Whether it says that what was asked for is not there (a bucket that is not there is none)."""
    return isinstance(of_any(error), NotFound)


def code_of(error: BaseException) -> tuple[int, str]:
    """Status and code of a refusal that botocore raised; 0 and nothing for other errors."""
    answer = _answer(error)
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)), str(
        answer.get("Error", {}).get("Code", "")
    )


def region_of(error: BaseException) -> str | None:
    """The region that a refusal sends us to, where it does."""
    answer = _answer(error)
    found: str | None = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
    return found or answer.get("Error", {}).get("Region")


def is_of_the_role(error: BaseException) -> bool:
    """Whether it was STS that refused, when a role was to be taken on."""
    return getattr(error, "operation_name", "") == "AssumeRole"


def is_throttling(error: BaseException) -> bool:
    """Whether obstore was told by the store itself to ask later."""
    found = _STATUS.search(str(error))
    return found is not None and found[1] in ("429", "503")


def _answer(error: BaseException) -> dict[str, Any]:
    """What botocore has made of the answer."""
    return getattr(error, "response", None) or {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """After how many seconds the store wants to be asked again, where it says so (RFC 9110, 10.2.3)."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()) if asked else None
    except (TypeError, ValueError):
        return None


def of_client(error: BaseException) -> GatewayError | None:
    """Ours for an error of botocore, or of the urllib3 below it; None for another one's."""
    import botocore.exceptions as theirs
    from urllib3.exceptions import HTTPError

    if isinstance(error, theirs.ClientError):
        answer = _answer(error)
        details: dict[str, Any] = answer.get("ResponseMetadata", {})
        found: dict[str, Any] = answer.get("Error", {})
        if is_of_the_role(error):
            return Denied(f"the role cannot be taken on: {found.get('Message') or found.get('Code')}")
        return refusal(
            int(details.get("HTTPStatusCode", 0)),
            str(found.get("Code", "")),
            str(found.get("Message", "")),
            details.get("HTTPHeaders"),
        )
    if isinstance(error, theirs.SSLError):
        return Denied(f"the server's certificate is not trusted: {_cause(error)}; see ca_file")
    if isinstance(error, theirs.NoCredentialsError | theirs.PartialCredentialsError | theirs.CredentialRetrievalError):
        return Denied(f"no credentials: {error}; see `datagw` docs on access_key_id, profile, role_arn and anonymous")
    if isinstance(error, theirs.ProfileNotFound | theirs.UnauthorizedSSOTokenError | theirs.SSOTokenLoadError):
        return Denied(str(error))
    if isinstance(error, theirs.ParamValidationError | theirs.NoRegionError | theirs.InvalidEndpointConfigurationError):
        return Rejected(str(error))
    if isinstance(error, theirs.BotoCoreError | HTTPError):
        return Unavailable(f"the store does not answer: {_cause(error)}")
    return None


def of_obstore(error: BaseException) -> GatewayError | None:
    """Ours for an error of obstore, which tells status and code in its text alone; None for another one's."""
    import obstore.exceptions as theirs

    text = str(error).partition("\n\nDebug source")[0]
    status, code, message = (found[1] if (found := one.search(text)) else "" for one in (_STATUS, _CODE, _MESSAGE))
    if isinstance(error, theirs.AlreadyExistsError) and status != "409":
        return Rejected("a file stands there already")
    if isinstance(error, theirs.PreconditionError) and code not in _SENT_BADLY:
        return Changed("the object is another one by now")
    if isinstance(error, FileNotFoundError) and error.errno is None:
        return refusal(404, code, message)
    if not isinstance(error, theirs.BaseError):
        return None
    if status:
        return refusal(int(status), code, message)
    if isinstance(error, theirs.PermissionDeniedError | theirs.UnauthenticatedError):
        return refusal(403, code, message)
    if "redirect without LOCATION" in text:
        return refusal(301, "", "")
    if "invalid peer certificate" in str(error) or "certificate" in text:
        return Denied("the server's certificate is not trusted; see ca_file")
    return Unavailable(f"the store does not answer: {text.rpartition(' - ')[2][:200]}")


def _cause(error: BaseException) -> str:
    """The innermost reason, in one line: an outer one repeats the whole address."""
    inner = error
    for _ in range(8):
        below = getattr(inner, "kwargs", {}).get("error") or getattr(inner, "reason", None) or inner.__cause__
        if not isinstance(below, BaseException) or below is inner:
            break
        inner = below
    return " ".join((str(inner) or type(inner).__name__).split())[:200]
