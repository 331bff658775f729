"""The results folder of the driver's own disk, within reach of every machine, so that no disk has to be shared.

Workers write checkpoints where Tune tells them to and read the one that a trial goes on from, which another machine may
have written. Where results lie in an object store all of them can; a folder of the driver's disk is reached through an
actor beside the driver, over the connections of Ray, which its token guards. On the driver's machine no actor is asked.

The actor and every worker import this module, so it lies in `store`, which opens without torch and scipy.
"""

import io
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import ray
from pyarrow import fs
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from erpo_explore.store.files import Folder, Location

__all__ = ["storage_of"]

_CHUNK_BYTES: Final = 32 * 1024 * 1024
"""Of a file that travels: a few of them fit into any object store."""

_NUM_THREADS: Final = 8
"""Requests that are served at once; each waits for the disk."""

_Entry = tuple[str, int, int | None, int | None]
"""Path, type, size in bytes and time of change in ns: a `FileInfo` that pickles."""


def storage_of(place: Location) -> tuple[fs.FileSystem, str]:
    """A results folder as Tune's storage: a file system that works on every machine of the cluster, and the path in it.

    Args:
        place: The folder; where it is local, the actor that serves it lives as long as this driver.

    Raises:
        ResultsError: No file system is known for such a URI.
    """
    folder = Folder.at(place)
    if not folder.is_local:
        return folder.filesystem, folder.path
    root = str(Path(folder.path).resolve())
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(_Disk)
    disk = actor.options(
        name=_name_of(root),
        get_if_exists=True,
        scheduling_strategy=here,
        num_cpus=0,
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_NUM_THREADS,
    ).remote(root)
    # whoever holds the actor's handle keeps it alive
    return fs.PyFileSystem(_DriverDisk(root, disk)), root


def _name_of(root: str) -> str:
    return f"disk of {root}"


class _Disk:
    """Reads and writes the driver's disk for other machines; every request may be repeated."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._files = fs.LocalFileSystem()

    def node(self) -> str:
        """Id of the node that it is on."""
        return str(ray.get_runtime_context().get_node_id())

    def infos(self, paths: Sequence[str]) -> list[_Entry]:
        return [_entry(info) for info in self._files.get_file_info([self._inside(path) for path in paths])]

    def listing(self, path: str, selection: Mapping[str, bool]) -> list[_Entry]:
        return [_entry(info) for info in self._files.get_file_info(fs.FileSelector(self._inside(path), **selection))]

    def read(self, path: str, offset: int, num_bytes: int) -> bytes:
        with Path(self._inside(path)).open("rb") as file:
            file.seek(offset)
            return file.read(num_bytes)

    def write(self, path: str, offset: int, content: bytes) -> None:
        with Path(self._inside(path)).open("r+b" if offset else "wb") as file:
            file.seek(offset)
            file.write(content)

    def change(self, method: str, paths: Sequence[str], options: Mapping[str, bool]) -> None:
        """Make, move or delete, as pyarrow's local file system does it."""
        getattr(self._files, method)(*map(self._inside, paths), **options)

    def _inside(self, path: str) -> str:
        if not Path(path).resolve().is_relative_to(self._root):
            raise PermissionError(f"{path} does not lie in the results folder {self._root}")
        return path


class _DriverDisk(fs.FileSystemHandler):  # type: ignore[misc]  # pyarrow has no types
    """pyarrow's view of a `_Disk`: a value that pickles into workers, checkpoints and snapshots."""

    def __init__(self, root: str, disk: Any = None) -> None:
        self.root = root
        self.disk = disk

    def __reduce__(self) -> tuple[Any, ...]:
        """Its folder alone: a driver that resumes has another actor."""
        return _DriverDisk, (self.root,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _DriverDisk) and other.root == self.root

    __hash__ = None  # type: ignore[assignment]

    @property
    def _there(self) -> Any:
        """The actor; None on the driver's machine."""
        return _disk_elsewhere(self.root)

    def get_type_name(self) -> str:
        return "driver-disk"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:
        if (disk := self._there) is None:
            return list(_LOCAL.get_file_info(paths))
        return [_info(entry) for entry in ray.get(disk.infos.remote(paths))]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        if (disk := self._there) is None:
            return list(_LOCAL.get_file_info(selector))
        selection = {"recursive": selector.recursive, "allow_not_found": selector.allow_not_found}
        return [_info(entry) for entry in ray.get(disk.listing.remote(selector.base_dir, selection))]

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
        if (disk := self._there) is None:
            return _LOCAL.open_input_file(path)
        (info,) = self.get_file_info([path])
        if info.type != fs.FileType.File:
            raise FileNotFoundError(path)
        return pa.PythonFile(io.BufferedReader(_Download(disk, path, info.size), _CHUNK_BYTES), mode="r")

    def open_output_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        if (disk := self._there) is None:
            return _LOCAL.open_output_stream(path, metadata=metadata)
        return pa.PythonFile(_Upload(disk, path), mode="w")

    def open_append_stream(self, path: str, metadata: Mapping[str, str] | None) -> pa.NativeFile:
        raise NotImplementedError("nothing that is stored is appended to")

    def _change(self, method: str, *paths: str, **options: bool) -> None:
        if (disk := self._there) is None:
            getattr(_LOCAL, method)(*paths, **options)
        else:
            ray.get(disk.change.remote(method, paths, options))


_LOCAL: Final = fs.LocalFileSystem()


@cache
def _disk_elsewhere(root: str) -> Any:
    """The actor that serves a folder; None on its machine. Asked once a process: Tune unpickles many handlers."""
    disk = ray.get_actor(_name_of(root))
    node: Any = ray.get(disk.node.remote())
    return None if node == ray.get_runtime_context().get_node_id() else disk


class _Download(io.RawIOBase):
    """A file of the driver's disk, read from elsewhere."""

    def __init__(self, disk: Any, path: str, num_bytes: int) -> None:
        super().__init__()
        self._disk, self._path, self._num_bytes, self._offset = disk, path, num_bytes, 0

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
        content = ray.get(self._disk.read.remote(self._path, self._offset, wanted))
        buffer[: len(content)] = content
        self._offset += len(content)
        return len(content)


class _Upload(io.RawIOBase):
    """A file of the driver's disk, written from elsewhere under another name, and renamed once it is whole."""

    def __init__(self, disk: Any, path: str) -> None:
        super().__init__()
        self._disk, self._path, self._offset = disk, path, 0
        self._aside = f"{path}.part"
        self._is_whole = True
        ray.get(disk.write.remote(self._aside, 0, b""))

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._offset

    def write(self, content: Any) -> int:
        view = memoryview(content).cast("B")
        self._is_whole = False
        for start in range(0, len(view), _CHUNK_BYTES):
            chunk = bytes(view[start : start + _CHUNK_BYTES])
            ray.get(self._disk.write.remote(self._aside, self._offset, chunk))
            self._offset += len(chunk)
        self._is_whole = True
        return len(view)

    def close(self) -> None:
        if not self.closed and self._is_whole:
            ray.get(self._disk.change.remote("move", [self._aside, self._path], {}))
        super().close()


def _entry(info: fs.FileInfo) -> _Entry:
    return info.path, int(info.type), info.size, info.mtime_ns


def _info(entry: _Entry) -> fs.FileInfo:
    path, kind, size, mtime_ns = entry
    return fs.FileInfo(path, fs.FileType(kind), size=size, mtime_ns=mtime_ns)
