"""What a reply of refusal means (RFC 959, 4.2), and what a broken connection does.

550 means many things; where its text does not say which one, whoever asked looks again.
"""

from __future__ import annotations

import ftplib
import re
import socket
import ssl
from collections.abc import Sequence

from datagw.errors import Denied, Full, GatewayError, NotFound, Rejected, Unavailable, Unsupported

_CROWDED = re.compile(r"too many|maximum|max |limit|busy|try again|later|temporar", re.IGNORECASE)
_FULL = re.compile(r"quota|no space|disk (is )?full|not enough space|insufficient|storage", re.IGNORECASE)
_ABSENT = re.compile(
    r"no such|not found|not exist|doesn't exist|cannot find|can't find|does not have|nonexist", re.IGNORECASE
)
_REFUSED = re.compile(
    r"permission|denied|not permitted|not allowed|forbidden|privilege|access|read.?only|rights", re.IGNORECASE
)
_NOTHING_IN_COMMON = {
    "DH_KEY_TOO_SMALL",
    "NO_PROTOCOLS_AVAILABLE",
    "NO_SHARED_CIPHER",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
}
_BROKEN = {"421", "425", "426"}


def code_of(error: BaseException) -> str:
    """The three digits of a reply."""
    return str(error)[:3]


def masked(text: str, secrets: Sequence[str]) -> str:
    """The text without the secrets, should a server repeat them."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def is_refusal(error: BaseException) -> bool:
    """Whether the server refuses what it was asked, and is otherwise well."""
    return isinstance(error, ftplib.error_perm | ftplib.error_temp) and code_of(error) not in _BROKEN


def says_absent(error: BaseException) -> bool:
    """Whether the reply says in so many words that nothing is there."""
    text = str(error)
    return code_of(error) in ("450", "550") and bool(_ABSENT.search(text)) and not _REFUSED.search(text)


def says_denied(error: BaseException) -> bool:
    """Whether the reply says in so many words that rights are missing."""
    text = str(error)
    return code_of(error) in ("550", "553") and bool(_REFUSED.search(text)) and not _ABSENT.search(text)


def meaning(error: ftplib.Error) -> GatewayError:
    """The error that a reply stands for, as far as code and text tell."""
    text = " ".join(str(error).split())
    said, code = f"the server answers: {text}", code_of(error)
    if isinstance(error, ftplib.error_proto | ftplib.error_reply):
        return Unavailable(f"the server answers what was not asked: {text}")
    if code in ("452", "552") or (code in ("450", "451", "550", "553") and _FULL.search(text)):
        return Full(said)
    if code == "530":
        return Unavailable(said) if _CROWDED.search(text) else Denied(f"{said}; are username and password right?")
    if isinstance(error, ftplib.error_temp):
        return Unavailable(said)
    if code in ("500", "501", "502", "503", "504"):
        return Unsupported(said)
    if code in ("521", "522", "533", "534", "535", "536"):
        return Denied(f"{said}; is it TLS that is missing, or another kind of it?")
    if code == "532" or says_denied(error):
        return Denied(said)
    return NotFound(said) if says_absent(error) else Rejected(said)


def of_line(error: BaseException, host: str) -> GatewayError | None:
    """What became of the connection; None for an error that is none of a connection's."""
    if isinstance(error, ftplib.Error):
        return meaning(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Denied(
            f"the certificate of {host} is not to be trusted: {error.verify_message or 'it is not valid'}; "
            "is it the right server? A certificate authority of one's own is named by `ca_file`"
        )
    if isinstance(error, ssl.SSLError) and error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return Unavailable(f'{host} does not begin with TLS here; is it tls = "explicit", or another port?')
    if isinstance(error, ssl.SSLError) and error.reason in _NOTHING_IN_COMMON:
        return Unsupported(f"{host} and this machine have no version of TLS, or no cipher, in common ({error.reason})")
    if isinstance(error, socket.gaierror):
        return Unavailable(f"the name {host} cannot be found")
    if isinstance(error, OSError | EOFError):
        return Unavailable(f"the connection to {host} failed: {getattr(error, 'strerror', None) or error}")
    return None
