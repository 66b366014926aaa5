"""A web server on loopback with one file, which the demo changes: what a mirror watches."""

from __future__ import annotations

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override


class Web:
    """Serves the files below a folder, with Last-Modified and without ETag, until `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Silent, directory=str(folder)))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    def address(self, name: str) -> str:
        """The URL of a file."""
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def put(self, name: str, content: bytes, mtime: float) -> None:
        """A file with this content, as if it had been made at `mtime` (seconds since the epoch)."""
        new = self.folder / f".{name}"
        new.write_bytes(content)
        os.utime(new, (mtime, mtime))
        new.replace(self.folder / name)

    def close(self) -> None:
        """Ends the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Silent(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
