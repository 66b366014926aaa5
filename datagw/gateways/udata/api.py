"""The API of udata (https://guides.data.gouv.fr, `/api/1/swagger.json`): questions, answers, and who is asking.

A session: connections that are kept open, and what was looked at a moment ago.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

from datagw.errors import Denied, GatewayError, NotFound, Rejected, Unavailable
from datagw.gateways.objects.threads import Threads
from datagw.gateways.udata import refusals
from datagw.gateways.udata.data_sets import DataSet, Resource
from datagw.gateways.udata.forms import Form
from datagw.gateways.web.answers import Answer
from datagw.gateways.web.asking import Asking, host_of

_PAGE = 100
_LOOKS = 4  # at a list that changes while it is read
_JUST = 5.0  # seconds for which a look holds within one batch
_MOST = 64 << 20  # bytes of an answer that is no file
_FOUND_AGAIN = 4  # tries to follow a stable URL to a file that is replaced meanwhile


class Api:
    """One udata. `pinned` are the paths of resources that were declared, by id.

    `uploaded` holds, by data set and name of the file, the monotonic time of the last upload.
    """

    def __init__(
        self,
        asking: Asking,
        url: str,
        *,
        connections: int,
        timeout: float,
        fence: Callable[[], None],
        secret: str,
        uploaded: dict[tuple[str, str], float],
    ) -> None:
        self.asking = asking
        self.url = url
        self.host = host_of(url)
        self.fence = fence
        self.timeout = timeout
        self.threads = Threads(connections, fence)
        self.uploaded = uploaded
        self._secret = secret
        self._looked: dict[str, DataSet] = {}
        self._extensions: frozenset[str] | None = None

    def close(self) -> None:
        """Ends the connections that nobody uses."""
        self.threads.close()
        self.asking.close()

    # ---- questions

    def get(self, path: str) -> Any:
        """The JSON under a path of the API."""
        with self.asking.ask("GET", f"{self.url}/{path}", Accept="application/json") as answer:
            return self._read(answer)

    def send(self, method: str, path: str, said: Mapping[str, Any] | None = None) -> Any:
        """The JSON that answers a change; None where nothing is said."""
        body = b"" if said is None else json.dumps(said).encode("ascii")
        kind = {"Content-Type": "application/json"}
        with self.asking.send(
            method, f"{self.url}/{path}", body, seconds=self.timeout, headers={"Accept": "application/json", **kind}
        ) as answer:
            return self._read(answer)

    def upload(self, path: str, form: Form, seconds: float) -> Any:
        """The JSON that answers a form."""
        headers = {"Accept": "application/json", "Content-Type": form.content_type}
        try:
            with self.asking.send("POST", f"{self.url}/{path}", form, seconds=seconds, headers=headers) as answer:
                return self._read(answer)
        except BaseException:
            form.give_up()
            raise

    def _read(self, answer: Answer) -> Any:
        body = self._body(answer)
        if answer.status in (301, 302, 303, 307, 308):
            raise Denied(f"{answer.host} leads elsewhere, and a token goes nowhere else; is `url` written as it is?")
        if not 200 <= answer.status < 300:
            error = refusals.of_status(answer.status, answer.host, body, answer.header("Retry-After"))
            error.message = error.message.replace(self._secret, "…") if self._secret else error.message
            raise error
        if not body.strip():
            return None
        try:
            return json.loads(body)
        except ValueError:
            raise Unavailable(
                f"{answer.host} answers {answer.status} with what is no answer of udata ({refusals.told(body)}); "
                "is `url` right, or a proxy in between?"
            ) from None

    def _body(self, answer: Answer) -> bytes:
        body = b""
        answer.check_encoding("")
        for block in self.native(answer, answer.blocks()):
            body += block
            if len(body) > _MOST:
                raise Rejected(f"{answer.host} says more than {_MOST} bytes")
        return body

    def native(self, answer: Answer, blocks: Iterator[bytes]) -> Iterator[bytes]:
        """The blocks; what breaks them off becomes ours."""
        try:
            yield from blocks
        except GatewayError:
            raise
        except Exception as error:
            ours = self.asking.speak(error, answer.host)
            if ours is None:
                raise
            raise ours from None

    # ---- data sets

    def look(self, name: str, pinned: Mapping[str, str]) -> DataSet:
        """A data set and its resources as they are now. Denied where there is none, or none that may be seen."""
        try:
            said = cast("dict[str, Any]", self.get(f"api/2/datasets/{quote(name, safe='')}/"))
            if said.get("deleted"):
                raise Denied(f"the data set {name} has been deleted at {self.host}")
            found = DataSet(said, self._resources(str(said["id"])), pinned, time.monotonic())
        except NotFound:
            raise Denied(f"{self.host} has no data set {name}, or a private one that this token may not see") from None
        except Denied as error:
            raise Denied(f"the data set {name}: {error.message}") from None
        except (KeyError, TypeError, AttributeError) as error:
            raise Unavailable(f"{self.host} tells of a data set in a way that is not udata's") from error
        self._looked[name] = found
        return found

    def lately(self, name: str, pinned: Mapping[str, str]) -> DataSet:
        """A look that is a few seconds old at most."""
        found = self._looked.get(name)
        if found is not None and time.monotonic() - found.listed < _JUST:
            return found
        return self.look(name, pinned)

    def forget(self) -> None:
        """The next look is a new one."""
        self._looked.clear()

    def _resources(self, number: str) -> list[Resource]:
        """All of them; read again where the list changed between two pages of it."""
        for _ in range(_LOOKS):
            found: dict[str, Resource] = {}
            page, totals = 1, set[int]()
            while not totals or (page - 1) * _PAGE < max(totals):
                said = self.get(f"api/2/datasets/{number}/resources/?page={page}&page_size={_PAGE}")
                totals.add(int(said["total"]))
                found.update({one.id: one for one in map(Resource.of, said["data"])})
                page += 1
            if totals == {len(found)}:
                return list(found.values())
        raise Unavailable(f"the list of resources at {self.host} changes while it is read")

    def extensions(self) -> frozenset[str]:
        """What the names of uploaded files may end in; empty where the place does not tell."""
        if self._extensions is None:
            try:
                said: list[object] = self.get("api/1/datasets/extensions/")
                self._extensions = frozenset(str(one).lower() for one in said)
            except (NotFound, TypeError):
                self._extensions = frozenset()
        return self._extensions

    # ---- files

    def stable(self, resource: Resource) -> str:
        """The URL that leads to the file as it is at any time."""
        return f"{self.url}/api/1/datasets/r/{resource.id}"

    def fetched(self, address: str) -> tuple[str, int]:
        """SHA-256 and size of what stands at an address, which may be on any server."""
        digest, size = hashlib.sha256(), 0
        with self.asking.ask("GET", address) as answer:
            if (refusal := answer.refusal()) is not None:
                raise refusals.Stumbled(f"{address}: {refusal.message}; the file is to be published there first")
            answer.check_encoding(address)
            for block in self.native(answer, answer.blocks()):
                self.fence()
                digest.update(block)
                size += len(block)
        return digest.hexdigest(), size

    def content(self, resource: Resource, offset: int) -> Iterator[bytes]:
        """The content from `offset` on, by its stable URL; looked for again where it is replaced on the way there."""
        asked = {"Range": f"bytes={offset}-"} if offset else {}
        for _ in range(_FOUND_AGAIN):
            stable = self.stable(resource)
            with self.asking.ask("GET", stable, **asked) as answer:
                if answer.status in (404, 410):
                    if answer.url == stable:
                        raise NotFound(f"{answer.host} knows this resource no more")
                    continue
                if offset and answer.status == 416:
                    return
                if (refusal := answer.refusal(ranged=bool(offset))) is not None:
                    raise refusal
                answer.check_encoding(resource.file_name)
                skip = 0 if answer.status == 206 and answer.begins_at(offset) else offset
                if answer.status == 206 and skip:
                    raise Unavailable(f"{answer.host} sends another part than was asked for")
                for block in self.native(answer, answer.blocks()):
                    if skip < len(block):
                        yield block[skip:] if skip else block
                    skip = max(0, skip - len(block))
                return
        raise Unavailable(f"{self.host} names a file for this resource, but {host_of(resource.url)} has none there")
