"""Files on the driver's disk as streams on another machine."""

import io
from typing import Any, Final

import pyarrow as pa
import ray

__all__ = ["open_download", "open_upload"]

_CHUNK_BYTES: Final = 32 * 1024 * 1024
"""Part of a file that is sent at once; a few of them fit into any object store of Ray's."""


def open_download(server: Any, path: str, num_bytes: int) -> pa.NativeFile:
    """Open a file on the driver's disk for reading at any offset.

    Args:
        server: Handle of the `DiskServer` beside the driver.
        path: The file.
        num_bytes: Its size.
    """
    return pa.PythonFile(io.BufferedReader(_Download(server, path, num_bytes), _CHUNK_BYTES), mode="r")


def open_upload(server: Any, path: str) -> pa.NativeFile:
    """Open a file on the driver's disk for writing; it appears when it is closed.

    Args:
        server: Handle of the `DiskServer` beside the driver.
        path: The file.
    """
    return pa.PythonFile(_Upload(server, path), mode="w")


class _Download(io.RawIOBase):
    """A file on the driver's disk, read from another machine."""

    def __init__(self, server: Any, path: str, num_bytes: int) -> None:
        super().__init__()
        self._server, self._path, self._num_bytes, self._offset = server, path, num_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._num_bytes}[whence]
        self._offset = start + offset
        return self._offset

    def tell(self) -> int:
        return self._offset

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), _CHUNK_BYTES)
        content = ray.get(self._server.read.remote(self._path, self._offset, wanted))
        buffer[: len(content)] = content
        self._offset += len(content)
        return len(content)


class _Upload(io.RawIOBase):
    """A file on the driver's disk, written from another machine under another name, and renamed once it is complete."""

    def __init__(self, server: Any, path: str) -> None:
        super().__init__()
        self._server, self._path, self._offset = server, path, 0
        self._aside = f"{path}.part"
        self._is_complete = True
        ray.get(server.write.remote(self._aside, 0, b""))

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self._is_complete = False
        for start in range(0, len(view), _CHUNK_BYTES):
            chunk = bytes(view[start : start + _CHUNK_BYTES])
            ray.get(self._server.write.remote(self._aside, self._offset, chunk))
            self._offset += len(chunk)
        self._is_complete = True
        return len(view)

    def close(self) -> None:
        if not self.closed and self._is_complete:
            ray.get(self._server.change.remote("move", [self._aside, self._path], {}))
        super().close()
