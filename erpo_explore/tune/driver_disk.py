"""A folder on the driver's disk, as a file system that works on every machine of the cluster.

On the driver's machine it is the local file system. Elsewhere requests go to an actor beside the driver, over Ray's own
connections, which Ray's token protects.

The actor and every worker import this module, so it imports neither torch nor scipy.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import ray
from pyarrow import fs

from erpo_explore.tune.remote_file import open_download, open_upload

__all__ = ["NUM_THREADS", "DiskServer", "driver_disk", "server_name"]

NUM_THREADS: Final = 8
"""Requests that are served at once; each waits for the disk."""

_Entry = tuple[str, int, int | None, int | None]
"""Path, type, size in bytes and modification time in ns: a `FileInfo` that pickles."""


def driver_disk(root: str, server: Any) -> fs.FileSystem:
    """The file system of a folder on the driver's disk. Pickles into workers, checkpoints and snapshots.

    Args:
        root: The folder.
        server: Handle of its `DiskServer`, which the returned object keeps alive.
    """
    return fs.PyFileSystem(_DriverDisk(root, server))


def server_name(root: str) -> str:
    """Name of the actor that serves a folder."""
    return f"disk of {root}"


class DiskServer:
    """Actor that reads and writes a folder for other machines. Every request may be repeated.

    Args:
        root: The folder; requests for paths outside are refused.
    """

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._files = fs.LocalFileSystem()

    def node(self) -> str:
        """Id of the node that the actor runs on."""
        return str(ray.get_runtime_context().get_node_id())

    def infos(self, paths: Sequence[str]) -> list[_Entry]:
        """Describe each path."""
        return [_entry(info) for info in self._files.get_file_info([self._inside(path) for path in paths])]

    def listing(self, path: str, selection: Mapping[str, bool]) -> list[_Entry]:
        """Describe all paths of a folder; `selection` holds options of a `FileSelector`."""
        return [_entry(info) for info in self._files.get_file_info(fs.FileSelector(self._inside(path), **selection))]

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        """Read at most `num_bytes` bytes from an offset."""
        with Path(self._inside(path)).open("rb") as file:
            file.seek(offset)
            return file.read(num_bytes)

    def write(self, path: str, offset: int, content: bytes) -> None:
        """Write bytes at an offset; at 0 the file is created or emptied first."""
        with Path(self._inside(path)).open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(content)

    def change(self, method: str, paths: Sequence[str], options: Mapping[str, bool]) -> None:
        """Create, move, copy or delete, by the method of pyarrow's local file system with this name."""
        getattr(self._files, method)(*map(self._inside, paths), **options)

    def _inside(self, path: str) -> str:
        if not Path(path).resolve().is_relative_to(self._root):
            raise PermissionError(f"{path} does not lie in the results folder {self._root}")
        return path


class _DriverDisk(fs.FileSystemHandler):  # type: ignore[misc]  # pyarrow has no types
    """pyarrow's view of a folder on the driver's disk; workers have it without the actor's handle."""

    def __init__(self, root: str, server: Any = None) -> None:
        self.root = root
        self.server = server

    def __reduce__(self) -> tuple[Any, ...]:
        """The folder alone, since a driver that resumes has another actor."""
        return _DriverDisk, (self.root,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DriverDisk) and other.root == self.root

    __hash__ = None  # type: ignore[assignment]

    @property
    def remote(self) -> Any:
        """The actor; None on the driver's machine, where the folder is local."""
        return _remote_server(self.root)

    def get_type_name(self) -> str:
        return "driver-disk"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:
        if (server := self.remote) is None:
            return list(_LOCAL.get_file_info(paths))
        return [_info(entry) for entry in ray.get(server.infos.remote(paths))]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        if (server := self.remote) is None:
            return list(_LOCAL.get_file_info(selector))
        selection = {"recursive": selector.recursive, "allow_not_found": selector.allow_not_found}
        return [_info(entry) for entry in ray.get(server.listing.remote(selector.base_dir, selection))]

    def create_dir(self, path: str, recursive: bool) -> None:
        self._change("create_dir", path, recursive=recursive)

    def delete_dir(self, path: str) -> None:
        self._change("delete_dir", path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        self._change("delete_dir_contents", path, missing_dir_ok=missing_dir_ok)

    def delete_root_dir_contents(self) -> None:
        raise PermissionError("the root of a disk is not to be emptied")

    def delete_file(self, path: str) -> None:
        self._change("delete_file", path)

    def move(self, src: str, dest: str) -> None:
        self._change("move", src, dest)

    def copy_file(self, src: str, dest: str) -> None:
        self._change("copy_file", src, dest)

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self.open_input_file(path)

    def open_input_file(self, path: str) -> pa.NativeFile:
        if (server := self.remote) is None:
            return _LOCAL.open_input_file(path)
        (info,) = self.get_file_info([path])
        if info.type != fs.FileType.File:
            raise FileNotFoundError(path)
        return open_download(server, path, info.size)

    def open_output_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        if (server := self.remote) is None:
            return _LOCAL.open_output_stream(path, metadata=metadata)
        return open_upload(server, path)

    def open_append_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        raise NotImplementedError("files of a results folder are never appended to")

    def _change(self, method: str, *paths: str, **options: bool) -> None:
        if (server := self.remote) is None:
            getattr(_LOCAL, method)(*paths, **options)
        else:
            ray.get(server.change.remote(method, paths, options))


_LOCAL: Final = fs.LocalFileSystem()


@cache
def _remote_server(root: str) -> Any:
    """The actor that serves a folder; None on its machine. Cached per process, since Tune unpickles many handlers."""
    server = ray.get_actor(server_name(root))
    node: Any = ray.get(server.node.remote())
    return None if node == ray.get_runtime_context().get_node_id() else server


def _entry(info: fs.FileInfo) -> _Entry:
    return info.path, int(info.type), info.size, info.mtime_ns


def _info(entry: _Entry) -> fs.FileInfo:
    path, kind, size, mtime_ns = entry
    return fs.FileInfo(path, fs.FileType(kind), size=size, mtime_ns=mtime_ns)
