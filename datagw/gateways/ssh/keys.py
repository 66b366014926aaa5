"""The SSH connection below SFTP: the server shows its key, we show ours.

No OpenSSH configuration file is read. Errors are ours where the reason is clear (Denied, Unavailable, Unsupported) and
say what to set; never do they hold a secret.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import socket
from collections.abc import Callable, Generator, Sequence
from typing import Any

from datagw.errors import Denied, GatewayError, Unavailable, Unsupported
from datagw.gateways.secrets import Secret
from datagw.gateways.ssh import hosts
from datagw.gateways.ssh.hosts import HostKey

DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
WINDOW = 4 * 1024 * 1024  # bytes that a server may send ahead on one channel; more only costs the cache
_QUICK = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}

Transport = Any  # paramiko's; it has no types, and is imported when it is needed


def fetch_host_key(host: str, port: int, timeout: float) -> HostKey:
    """The key that a server shows to somebody who knows none; nothing is logged in to."""
    transport = dial(host, port, timeout, ())
    try:
        return shown_key(transport)
    finally:
        transport.close()


def dial(host: str, port: int, timeout: float, kinds: Sequence[str]) -> Transport:
    """An SSH connection with the keys exchanged and nobody logged in; host keys of these `kinds` are preferred.

    Unavailable where nobody answers within `timeout` seconds, Unsupported where no algorithm is common.
    """
    paramiko: Any = importlib.import_module("paramiko")
    try:
        sock = socket.create_connection((host, port), timeout)
    except socket.gaierror as error:
        raise Unavailable(f"the host name {host} is not known: {error.strerror}") from error
    except UnicodeError as error:
        raise Denied(f"{host!r} is no host name") from error
    except OSError as error:
        raise Unavailable(f"{host} port {port}: {error.strerror or error}") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    transport = paramiko.Transport(sock, default_window_size=WINDOW)
    logging.getLogger("datagw.paramiko").setLevel(logging.CRITICAL)  # what it has to say reaches us as exceptions
    transport.set_log_channel("datagw.paramiko")
    transport.banner_timeout = transport.handshake_timeout = timeout
    transport.auth_timeout = transport.channel_timeout = timeout
    _prefer(transport, kinds)
    try:
        transport.start_client(timeout=timeout)
        transport.get_remote_server_key()  # raises where the key exchange has not come to its end in time
    except paramiko.ssh_exception.IncompatiblePeer as error:
        hang_up(transport)
        raise Unsupported(f"{host} port {port} has no algorithm in common with us: {error}") from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        hang_up(transport)
        raise Unavailable(f"{host} port {port}: no SSH connection within {timeout:g} s: {error}") from error
    except BaseException:
        hang_up(transport)
        raise
    return transport


def hang_up(transport: Transport) -> None:
    """Ends a connection, wherever it stands."""
    transport.packetizer.complete_handshake()  # or its timer would hold up the end of the process
    transport.close()
    transport.sock.close()


def shown_key(transport: Transport) -> HostKey:
    """The key that the server of this connection has shown, and proven to have."""
    key = transport.get_remote_server_key()
    return HostKey(key.get_name(), key.asbytes())


def refuse_unknown(known_hosts: str, host: str, port: int, key: HostKey, name: str) -> None:
    """Denied for a server whose key is not the one that is known; `name` is the gateway's, for `datagw trust`."""
    verdict = hosts.judge(known_hosts, host, port, key)
    where = hosts.host_name(host, port)
    shown = f"it shows {key.kind} {key.fingerprint}"
    if verdict == "unknown":
        raise Denied(f"the server {where} is unknown: {shown}; compare with its owner, then run: datagw trust {name}")
    if verdict == "changed":
        raise Denied(
            f"the server {where} has changed its key, or somebody stands in between: {shown}, which is not in "
            f"{known_hosts}; ask its owner, then run: datagw trust {name} --replace"
        )
    if verdict == "revoked":
        raise Denied(f"the key of the server {where} is revoked in {known_hosts}: {shown}")


def log_in(
    transport: Transport,
    username: str,
    *,
    private_key: str | None,
    passphrase: Secret | None,
    password: Secret | None,
) -> None:
    """Shows keys, then the password, each once, until the server is content; Denied where it is not."""
    paramiko: Any = importlib.import_module("paramiko")
    tried: list[str] = []
    with contextlib.closing(_ways(transport, username, private_key, passphrase, password)) as ways:
        for what, attempt in ways:
            try:
                if not attempt():
                    return  # else the server wants one more proof
                tried.append(f"{what} (accepted, but not enough)")
            except GatewayError as error:
                if private_key is not None:
                    raise
                tried.append(error.message)
            except paramiko.BadAuthenticationType as error:
                tried.append(f"{what} (the server takes only {', '.join(error.allowed_types)})")
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error).lower():
                    raise Unavailable("the server did not answer the login in time") from error
                tried.append(what)
                if not transport.is_active():
                    break  # it has had enough of us
    if not tried:
        raise Denied(f"nothing to log in as {username} with: set private_key or password, or start an ssh agent")
    raise Denied(f"the server refuses {username}; tried: {'; '.join(tried)}")


def _ways(
    transport: Transport,
    username: str,
    private_key: str | None,
    passphrase: Secret | None,
    password: Secret | None,
) -> Generator[tuple[str, Callable[[], list[str]]]]:
    """What can be shown to the server, one after the other: a description, and the attempt."""

    def show(path: str) -> list[str]:
        return transport.auth_publickey(username, load_key(path, passphrase))

    if private_key is not None:
        yield f"the key {private_key}", lambda: show(private_key)
    elif password is None:
        paramiko: Any = importlib.import_module("paramiko")
        with contextlib.closing(paramiko.Agent()) as agent:
            for key in agent.get_keys():
                yield f"the agent's {key.get_name()} key", lambda key=key: transport.auth_publickey(username, key)
        for path in DEFAULT_KEYS:
            if os.path.exists(os.path.expanduser(path)):
                yield f"the key {path}", lambda path=path: show(path)
    if password is not None:
        value = password.reveal()
        yield "the password", lambda: transport.auth_password(username, value)


def load_key(path: str, passphrase: Secret | None) -> Any:
    """The private key in a file: ed25519, ecdsa or rsa, in OpenSSH's or PEM's form, encrypted or not."""
    paramiko: Any = importlib.import_module("paramiko")
    word = None if passphrase is None else passphrase.reveal()
    file = os.path.expanduser(path)
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key_file(file, word)
        except paramiko.PasswordRequiredException as error:
            raise Denied(f"the key {path} is encrypted: set passphrase") from error
        except OSError as error:
            raise Denied(f"the key {path} cannot be read: {error.strerror}") from error
        except (paramiko.SSHException, ValueError, TypeError, IndexError):
            continue  # a key of another type, or not to be opened with this passphrase
    encrypted = ", or the passphrase does not open it" if word is not None else ""
    raise Denied(f"{path} holds no private key of type ed25519, ecdsa or rsa{encrypted}")


def _prefer(transport: Transport, kinds: Sequence[str]) -> None:
    """AES-GCM, which processors do by themselves, first; and host keys of the types that are known already."""
    options = transport.get_security_options()
    ciphers = list(options.ciphers)
    options.ciphers = [*(one for one in _QUICK if one in ciphers), *(one for one in ciphers if one not in _QUICK)]
    offered = [one for one in options.key_types if "-cert-" not in one]
    wanted = [name for kind in kinds for name in _SIGNATURES.get(kind, (kind,)) if name in offered]
    options.key_types = list(dict.fromkeys([*wanted, *offered]))
