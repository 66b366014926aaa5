"""Data connections: where the bytes go, one connection for each file or listing (RFC 959, 2428, 4217).

Only the reply on the control connection says that a transfer is whole; the end of the data says nothing.
"""

from __future__ import annotations

import contextlib
import ftplib
import select
import socket
import ssl
import time
from collections.abc import Iterable, Iterator

from datagw.errors import Denied, GatewayError
from datagw.gateways.front.reading import Block
from datagw.gateways.ftp_wire.control import Control

BLOCK = 1 << 18  # bytes
_SLICE = 0.5  # seconds between two questions to the fence
_FAREWELL = 10.0  # seconds for the other side to say that it has read everything


def begun(control: Control, command: str, offset: int = 0) -> socket.socket:
    """The data connection of a transfer that has begun; raises ftplib's errors for what the server refuses."""
    if not control.passiveserver:
        return _active(control, command, offset)
    conn = _passive(control)
    try:
        _begin(control, command, offset)
        return _ready(control, conn)
    except BaseException:
        conn.close()
        raise


def receive(control: Control, conn: socket.socket, block: int = BLOCK) -> Iterator[bytes]:
    """The data, in blocks of at most so many bytes, until the server has said that it was all."""
    buffer = memoryview(bytearray(block))
    try:
        while count := _filled(control, conn, buffer):
            yield bytes(buffer[:count])
        _say_goodbye(conn)
        conn.close()
    except (GatewayError, GeneratorExit):
        conn.close()
        control.give_up_transfer()
        raise
    except BaseException:
        conn.close()
        control.hang_up()
        raise
    control.end_of_transfer()


def send(control: Control, conn: socket.socket, blocks: Iterable[Block]) -> None:
    """Sends the blocks, and hears that they have been taken; raises what the server says if it stops in between."""
    try:
        for block in blocks:
            left = memoryview(block)
            while left:
                left = left[control.patiently(lambda view=left: conn.send(view)) :]
            control.sign_of_life()
        _finish(control, conn)
    except TimeoutError:
        conn.close()
        control.hang_up()
        raise
    except OSError:
        conn.close()
        control.end_of_transfer_or_break()
        raise
    except GatewayError:
        conn.close()
        control.give_up_transfer()
        raise
    except BaseException:
        conn.close()
        control.hang_up()
        raise
    conn.close()
    control.end_of_transfer()


def _filled(control: Control, conn: socket.socket, buffer: memoryview) -> int:
    """How many bytes have come: as many as there is room for, or as came until the end."""
    count = 0
    while count < len(buffer):
        more = control.patiently(lambda at=count: conn.recv_into(buffer[at:]))
        control.sign_of_life()
        if not more:
            break
        count += more
    return count


# ---- beginning


def _passive(control: Control) -> socket.socket:
    """Connected to where EPSV or PASV says; EPSV is left alone once it has led nowhere."""
    peer = control.peer
    v6 = control.af == socket.AF_INET6
    if v6 or ("EPSV" in control.features and control.known.get("EPSV", True)):
        try:
            port = ftplib.parse229(_said(control, "EPSV"), peer)[1]
            return _connected(control, peer[0], port)
        except (ftplib.error_perm, ftplib.error_proto, ConnectionRefusedError, TimeoutError):
            if v6:
                raise
            control.known["EPSV"] = False
    host, port = ftplib.parse227(control.sendcmd("PASV"))
    return _connected(control, host if control.follow_pasv else peer[0], port)


def _said(control: Control, command: str) -> str:
    """The reply; a silent control connection is no word against the command."""
    try:
        return control.sendcmd(command)
    except TimeoutError as error:
        raise ConnectionError(*error.args) from error


def _connected(control: Control, host: str, port: int) -> socket.socket:
    conn = socket.create_connection((host, port), control.timeout)
    conn.settimeout(_SLICE)
    return conn


def _active(control: Control, command: str, offset: int) -> socket.socket:
    """The server connects to us; nobody else may."""
    peer = control.peer[0]
    with control.makeport() as listening:
        listening.settimeout(_SLICE)
        _begin(control, command, offset)
        conn, (host, *_) = control.patiently(listening.accept)
    try:
        if host != peer:
            raise ConnectionError(f"a data connection came from {host}, not from {peer}")
        conn.settimeout(_SLICE)
        return _ready(control, conn)
    except BaseException:
        conn.close()
        raise


def _begin(control: Control, command: str, offset: int) -> None:
    if offset:
        control.sendcmd(f"REST {offset}")
    reply = control.sendcmd(command)
    if reply.startswith("2"):  # some say so before they say that they begin
        reply = control.getresp()
    if not reply.startswith("1"):
        raise ftplib.error_reply(reply)


def _ready(control: Control, conn: socket.socket) -> socket.socket:
    """Under TLS where the control connection is, in the same session: servers take it for the proof that we are we."""
    if control.tls is None:
        return conn
    try:
        conn = control.wrapped(conn, control.tls_session)
    except OSError as error:
        if not control.protected:
            raise Denied(f"{control.host} does not encrypt data connections ({error})") from error
        control.end_of_transfer_or_break()
        raise ConnectionError(f"TLS for the data: {error}") from error
    conn.settimeout(_SLICE)
    return conn


# ---- end


def _finish(control: Control, conn: socket.socket) -> None:
    """Says that this was all, and waits until the other side has it.

    Closing at once, with a TLS ticket unread, would reset the connection, and lose what is still on its way.
    """
    if not isinstance(conn, ssl.SSLSocket):
        return
    _say_goodbye(conn)
    with contextlib.suppress(OSError):
        conn.shutdown(socket.SHUT_WR)
    end = time.monotonic() + min(_FAREWELL, control.patience)
    conn.settimeout(_SLICE)
    while time.monotonic() < end:
        try:
            if not conn.recv(4096):
                return
        except TimeoutError:
            control.sign_of_life()
        except OSError:  # its reply will tell
            return


def _say_goodbye(conn: socket.socket) -> None:
    """TLS's own end of data; the other side's is not waited for."""
    if not isinstance(conn, ssl.SSLSocket):
        return
    conn.settimeout(0)
    end = time.monotonic() + _FAREWELL
    while time.monotonic() < end:
        try:
            conn.unwrap()
        except ssl.SSLWantWriteError:
            select.select([], [conn], [], _SLICE)
        except (OSError, ValueError):  # said, or nobody is there to hear it
            return
        else:
            return
