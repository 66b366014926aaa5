"""The one class that all gateways are: a rich front in verbs, over the few hooks that a driver writes.

Callers use the verbs (`ls` `stat` `get` `put` `rm` `rename` `check`, and their `…_many`), which are final. A driver
writes the hooks (`_session` `_ls` `_stat` `_read` `_write` `_rm` `_mkdir` `_rmdir` `_translate`) and those of the
optional ones that its protocol knows (`_rename` `_hash` `_sync` `_copy`, and batches where it can pipeline). A place
that knows no rename publishes in one request: its driver writes `_publish` in the place of `_write` and `_rename`.
A hook gets paths relative to the root, already safe; `full` makes the native one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, final

from pydantic import PrivateAttr
from typing_extensions import override

from datagw.errors import ConfigError, DatagwError, Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.files import RemoteFile, StagedFile, join, parent, part_name, safe_path
from datagw.gateways.front import getting, proving, publishing, sending
from datagw.gateways.front.at import At
from datagw.gateways.front.copying import Copying
from datagw.gateways.front.hooks import Hooks
from datagw.gateways.front.limits import Limiter
from datagw.gateways.front.live import Live, Session
from datagw.gateways.front.reading import Reading, Rename, Sent, Upload
from datagw.gateways.front.retries import RetryPolicy, wait
from datagw.gateways.front.settings import Mode, Settings
from datagw.gateways.front.timetables import Pace
from datagw.gateways.front.tries import Tries

T = TypeVar("T")


class Gateway(Settings, Copying):
    """A named place and the protocol to reach it. Made from keyword arguments; connects when first used."""

    type: ClassVar[str]
    shows: ClassVar[bool] = True
    """Whether what was published can be seen again; a place that only takes files (mail, a topic) says False."""

    _live: Live = PrivateAttr()

    @override
    def model_post_init(self, _context: object, /) -> None:
        """Nothing is open yet."""
        self._live = Live(self.type)

    @final
    def using(
        self,
        *,
        name: str | None = None,
        retries: RetryPolicy | None = None,
        bandwidth: Pace | None = None,
        fence: Callable[[], None] | None = None,
        moved: Callable[[int], None] | None = None,
        log: logging.Logger | None = None,
    ) -> Self:
        """The same place, with a connection of its own and what a run lends: retries, a limit, a fence, a log.

        `fence` is asked before each block, rename and delete and raises to end the run; `moved` hears of bytes sent.
        """
        twin = self.model_copy()
        live = Live(name or self.name)
        old = self._live
        live.retries = retries or old.retries
        live.fence = fence or old.fence
        live.moved = moved or old.moved
        live.log = log or old.log
        paces: list[Pace] = [pace for pace in (self.bandwidth, bandwidth) if pace]
        live.limiters = tuple(Limiter(pace, sleep=lambda seconds: wait(seconds, live.fence)) for pace in paces)
        twin._live = live
        return twin

    @final
    def __truediv__(self, path: str) -> At:
        """`gateway / "path"`: where something is published from, or to."""
        return At(self, path)

    @property
    def name(self) -> str:
        """As the job file calls it; the type, where nobody named it."""
        return self._live.name

    @property
    def live(self) -> Live:
        """For the front's own modules."""
        return self._live

    @final
    def close(self) -> None:
        """Ends the connection, if there is one; the next verb opens another."""
        session, self._live.session = self._live.session, None
        for lane in self._live.lanes:
            lane.close()
        self._live.lanes.clear()
        self._live.folders.clear()
        self._live.hash_trusted = None
        if session is not None:
            session.close()

    @final
    def __enter__(self) -> Self:
        return self

    @final
    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what a place can do, known beforehand

    @classmethod
    def can(cls, hook: str) -> bool:
        """Whether the driver wrote the optional hook, or the batch of it, as in `can("rename")`."""
        names = [name for name in (f"_{hook}", f"_{hook}_many") if hasattr(Hooks, name)]
        return any(getattr(cls, name) is not getattr(Hooks, name) for name in names)

    @property
    def in_one_request(self) -> bool:
        """Whether files are published here by `publish`, because the place knows no rename."""
        return self.can("publish") and not self.can("rename")

    def link(self, path: str) -> str:
        """Where a person finds `path`: a URL if the protocol has one, else `gateway:path`."""
        return self.shown(path)

    def shown(self, path: str) -> str:
        """The path as the job file writes it: `gateway:path`, absolute where the gateway starts at `/`."""
        return f"{self.name}:/{path}" if self.root == "/" else f"{self.name}:{path}"

    def named(self, relative: str) -> str:
        """The name that a copy of `relative` gets: the same, unless the place writes its names in another way."""
        return relative

    @property
    def place(self) -> str:
        """Which place this is, whatever its name: two gateways with one `place` and root reach the same files."""
        return f"{self.type}:{self.name}:{self.full('')}"

    @property
    def folds(self) -> bool:
        """Whether names that differ in case or Unicode form only are one name here."""
        return False

    def full(self, path: str) -> str:
        """The native path of one relative to the root."""
        root = self.root.rstrip("/") if self.root != "/" else ""
        if not path:
            return self.root or "."
        return f"{root}/{path}" if self.root else path

    # ---- verbs

    @final
    def ls(self, folder: str = "", *, recursive: bool = False) -> Iterator[RemoteFile]:
        """The entries of a folder in name order, folder by folder; NotFound where it is not there."""
        folder = safe_path(folder)
        entries = sorted(self.attempt(folder, lambda s: list(self._ls(s, folder))), key=lambda entry: entry.path)
        for entry in entries:
            yield entry
            if recursive and entry.kind == "folder":
                yield from self.ls(entry.path, recursive=True)

    @final
    def ls_unknown(self, folder: str, known: dict[str, str]) -> list[RemoteFile]:
        """The entries of a folder, in no order, but for files whose version is the one in `known`, by path.

        What was found as it is known leaves `known`, so that what is left there at the end is gone, or is another.
        """
        folder = safe_path(folder)
        return self.attempt(folder, lambda s: self._ls_unknown(s, folder, known))

    @final
    def stat(self, path: str) -> RemoteFile:
        """What the place says of one path, symlinks not followed."""
        path = safe_path(path)
        return self.attempt(path, lambda s: self._stat(s, path))

    @final
    def stat_many(self, paths: Sequence[str]) -> list[RemoteFile | GatewayError]:
        """As `stat`, in the order asked; an error, NotFound above all, takes its file's place."""
        safe = [safe_path(path) for path in paths]
        return self.attempt(None, lambda s: list(self._stat_many(s, safe)))

    @final
    def read(self, path: str) -> bytes:
        """The whole of a small file."""
        path = safe_path(path)
        return self.attempt(path, lambda s: b"".join(self._read(s, path)))

    @final
    def get_many(self, files: Sequence[RemoteFile], folder: Path) -> Iterator[StagedFile | GatewayError]:
        """The files, whole and hashed, in a local folder, in the order asked; a failed one's error takes its place."""
        return getting.get_many(self, files, folder)

    @final
    def get(self, file: RemoteFile, folder: Path) -> StagedFile:
        """One file, whole and hashed, in a local folder."""
        (found,) = self.get_many([file], folder)
        if isinstance(found, GatewayError):
            raise found
        return found

    @final
    def send(self, uploads: Sequence[Upload], *, sync: bool = False) -> Iterator[Sent]:
        """Uploads to part names; as each is done or has failed, in any order. Nothing is visible yet."""
        return sending.send(self, uploads, sync=sync)

    @final
    def publish(self, uploads: Sequence[Upload]) -> Iterator[Sent]:
        """Uploads to their final names, in one request each; as each is done or has failed, in any order.

        A `Sent` has `published` then; `verify` says whether it is known to be equal.
        """
        return publishing.publish(self, uploads)

    @final
    def verify(self, sent: Sequence[Sent], strength: str) -> list[str | GatewayError]:
        """How each part, or what was published, is known to be equal: `hash`, `readback`…; or what is wrong with it."""
        return proving.verify(self, sent, strength)

    @final
    def hashes(self, files: Sequence[RemoteFile], *, probe: bool = True) -> list[tuple[str, str] | GatewayError]:
        """SHA-256 of files on the place and how it is known (`hash` or `readback`), or an error each.

        Without `probe` nothing is written to find out whether the place's own hashes can be trusted.
        """
        return proving.hashes(self, files, probe=probe)

    @final
    def rename_many(self, renames: Sequence[Rename]) -> list[GatewayError | None]:
        """Renames, each whole or not at all, in the order asked; what failed has its error in its place."""
        return sending.rename_many(self, renames)

    @final
    def put(self, content: bytes, path: str, *, replace: bool = True, part: str | None = None) -> None:
        """Publishes a few bytes (a marker): part, verify, rename. `part` is a name that the caller remembers.

        At a place that knows no rename: one request, and a comparison. Rejected where `replace` keeps what is there.
        """
        publishing.put(self, content, safe_path(path), replace=replace, part=part)

    @final
    def rm(self, path: str) -> None:
        """Removes one file; NotFound where it is not there."""
        (error,) = self.rm_many([path])
        if error is not None:
            raise error

    @final
    def rm_many(self, paths: Sequence[str]) -> list[GatewayError | None]:
        """Removes files, each after a look at the fence; what failed has its error in its place."""
        return sending.rm_many(self, [safe_path(path) for path in paths])

    @final
    def rmdir(self, folder: str) -> bool:
        """Removes a folder if it is empty; whether it is gone now."""
        folder = safe_path(folder)
        self._live.fence()
        try:
            self.attempt(folder, lambda s: self._rmdir(s, folder))
        except NotFound:
            return True
        except Rejected:
            return False
        self._live.folders.discard(folder)
        return True

    @final
    def mkdir(self, folder: str) -> None:
        """Makes a folder and its parents; no error where it is."""
        folder = safe_path(folder)
        if folder and folder not in self._live.folders:
            self.attempt(folder, lambda s: self._mkdir(s, folder))
            self._live.folders.add(folder)

    @final
    def sync(self, paths: Sequence[str]) -> bool:
        """Puts files and their names on stable storage; False where the place cannot say that it does."""
        return self.attempt(None, lambda s: self._sync(s, paths)) if paths else True

    @final
    def check(self, *, write: bool) -> None:
        """Reaches the place and proves the rights by using them: the root is there; if asked, it takes a file."""
        found = self.attempt("", lambda s: self._stat(s, ""))
        if found.kind not in ("folder", "symlink"):
            raise Rejected("the root is not a folder", path=self.root, gateway=self.name)
        if write:
            self.prove_rights("")

    @final
    def prove_rights(self, folder: str) -> None:
        """Makes sure that a folder takes files: by giving it one, or where none could be taken away by asking."""
        if self.can("prove_rights"):
            self.attempt(folder, lambda s: self._prove_rights(s, folder))
        else:
            probe = join(folder, part_name("datagw check", folder))  # the same each time: what a kill left goes with it
            self.put(b"datagw check\n", probe)
            with suppress(NotFound):  # somebody else, who asked at the same moment, has taken it away
                self.rm(probe)

    @final
    def finish(self, paths: Sequence[str], day: date | None) -> None:
        """Completes what was found equal where it belongs, where there is more to a publication than its content."""
        if paths and self.can("finish"):
            self.attempt(None, lambda s: self._finish(s, paths, day))

    # ---- one way to the driver

    @final
    def attempt(self, path: str | None, call: Callable[[Any], T]) -> T:
        """`call` with a session; native errors become ours, transient ones are tried again on a new session."""
        live = self._live
        tries = Tries(live)
        while True:
            live.fence()
            try:
                with self.speaking(path):
                    return call(self.session())
            except Unavailable as error:
                self.close()
                if not tries.again(error):
                    raise

    @final
    def session(self) -> Any:
        """The open session, opened if need be; a declared root that is not there is an error."""
        live = self._live
        if live.session is None:
            if live.refused is not None:
                raise Denied(live.refused)
            try:
                live.session = self._session()
            except (Denied, ConfigError) as error:  # once and for all: who tries too often is locked out
                live.refused = error.message if isinstance(error, Denied) else str(error)
                raise Denied(live.refused) from error
            if self.root:
                try:
                    self._stat(live.session, "")
                except BaseException as error:
                    self.close()
                    ours = error if isinstance(error, GatewayError) else self._translate(error)
                    if isinstance(ours, NotFound):
                        raise Unavailable(
                            "the gateway's root is not there; is the disk mounted, the folder made?", path=self.root
                        ) from error
                    raise
        return live.session

    @final
    @contextmanager
    def speaking(self, path: str | None) -> Generator[None, None, None]:
        """Turns the driver's native errors into ours, with the gateway's name and the path in them."""
        try:
            yield
        except GatewayError as error:
            self.placed(error, path)
            raise
        except DatagwError:
            raise
        except Exception as error:
            ours = self._translate(error)
            if ours is None:
                raise
            raise self.placed(ours, path) from error

    @final
    def placed(self, error: GatewayError, path: str | None = None) -> GatewayError:
        """The error with the gateway's name, and the path where it had none."""
        error.gateway = error.gateway or self.name
        error.path = path if error.path is None else error.path
        if error.path is not None and error.gateway == self.name:
            error.where = self.shown(error.path)
        return error

    @final
    def pulse(self, count: int) -> None:
        """Before each block: may this run go on, may the bytes pass, who counts them."""
        live = self._live
        for limiter in live.limiters:
            limiter.take(count)
        live.fence()  # after a wait, for a lot can happen meanwhile
        live.moved(count)


__all__ = ["Gateway", "Live", "Mode", "Reading", "Rename", "Sent", "Session", "Upload", "join", "parent"]
