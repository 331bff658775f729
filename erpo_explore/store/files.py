"""File access of the store: a local folder, or any URI of pyarrow or fsspec.

Every file appears whole or not at all. A local file is written under a temporary name, flushed and renamed. Elsewhere a
file is one upload, and object stores show an object once it is complete.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from erpo_explore.errors import ConfigError, ResultsError

__all__ = ["Folder", "Location", "as_location", "is_folder", "join", "read", "resolved", "within", "write_aside"]

Location = str | Path
"""A local path, or a URI."""

_SCHEME: Final = "://"
_RESUME: Final = "continue with `erpo-explore resume`"


def as_location(text: str) -> Location:
    """Parse a location: a path, unless the text is a URI.

    Raises:
        ConfigError: The text is empty.
    """
    if not text.strip():
        raise ConfigError("a folder's name is empty; name one, such as results/mine, or leave it out")
    return text if _SCHEME in text else Path(text)


def join(location: Location, *names: str) -> Location:
    """Join a folder and names within it.

    Example:
        >>> join("s3://bucket/results", "mine", "report.html")
        's3://bucket/results/mine/report.html'
    """
    return location.joinpath(*names) if isinstance(location, Path) else "/".join([location.rstrip("/"), *names])


def resolved(location: Location) -> Location:
    """The same location, for a process that has another working directory."""
    location = as_location(str(location))
    return location.resolve() if isinstance(location, Path) else location.rstrip("/")


def is_folder(location: Location) -> bool:
    """Whether the folder exists."""
    return bool(Folder.at(location).kind() == fs.FileType.Directory)


def within(location: Location, folder: Location) -> str | None:
    """Name of a location relative to a folder, both resolved; None where it is not in the folder.

    Example:
        >>> within("s3://bucket/results/mine/initial", "s3://bucket/results/mine")
        'initial'
    """
    name = str(location).removeprefix(f"{folder}/")
    return None if name == str(location) else name


def write_aside(location: Location, content: bytes, *, remedy: str = _RESUME) -> None:
    """Write or replace a whole file.

    Args:
        location: The file; its folder exists.
        content: All bytes of the file.
        remedy: End of the error message: what to do once the file can be written.

    Raises:
        ResultsError: The file cannot be written; an earlier file of that name is untouched.
    """
    folder, name = _folder_and_name(location)
    folder.write(name, content, remedy=remedy)


def read(location: Location) -> bytes:
    """Read a whole file.

    Raises:
        ResultsError: The file cannot be read.
    """
    folder, name = _folder_and_name(location)
    return folder.read(name)


def _folder_and_name(location: Location) -> tuple["Folder", str]:
    location = as_location(str(location))
    if isinstance(location, Path):
        return Folder.at(location.parent), location.name
    parent, _, name = location.rpartition("/")
    return Folder.at(parent), name


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, which need not exist yet.

    Attributes:
        filesystem: File system of the folder.
        path: Path within the file system.
        location: Path or URI as the user names it.
    """

    filesystem: fs.FileSystem
    path: str
    location: Location

    @classmethod
    def at(cls, location: Location) -> "Folder":
        """Open a folder.

        Raises:
            ResultsError: The URI is malformed, or no file system is known for it.
        """
        location = as_location(str(location))
        if isinstance(location, Path):
            return cls(fs.LocalFileSystem(), str(location.absolute()), location)
        filesystem, path = _open_uri(location)
        if not path.strip("/"):
            raise ResultsError(f"{location} names no folder; write it as s3://bucket/results")
        return cls(filesystem, path.rstrip("/"), location)

    @property
    def is_local(self) -> bool:
        """Whether the folder is on this machine."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def within(self, name: str) -> "Folder":
        """A folder within this one."""
        return Folder(self.filesystem, f"{self.path}/{name}", join(self.location, name))

    def path_of(self, name: str) -> str:
        """Path of a file in the folder, within the file system."""
        return f"{self.path}/{name}"

    def location_of(self, name: str) -> Location:
        """Location of a file in the folder, as the user names it."""
        return join(self.location, name)

    def kind(self) -> fs.FileType:
        """Whether the location is a directory, a file, or missing."""
        with _describe_errors(self.location, "read"):
            return self.filesystem.get_file_info(self.path).type

    def has(self, name: str) -> bool:
        """Whether the folder has a file of that name."""
        with _describe_errors(self.location_of(name), "read"):
            return bool(self.filesystem.get_file_info(self.path_of(name)).type == fs.FileType.File)

    def entries(self) -> list[fs.FileInfo]:
        """List files and folders in it, sorted by name; empty where the folder is missing."""
        with _describe_errors(self.location, "read"):
            found = self.filesystem.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        return sorted(found, key=lambda entry: str(entry.base_name))

    def read(self, name: str) -> bytes:
        """Read a whole file.

        Raises:
            ResultsError: The file cannot be read.
        """
        with (
            _describe_errors(self.location_of(name), "read"),
            self.filesystem.open_input_stream(self.path_of(name)) as stream,
        ):
            return bytes(stream.read())

    def open(self, name: str) -> pa.NativeFile:
        """Open a file for random access; the caller closes it.

        Raises:
            ResultsError: The file cannot be read.
        """
        with _describe_errors(self.location_of(name), "read"):
            return self.filesystem.open_input_file(self.path_of(name))

    def write(self, name: str, content: bytes, *, remedy: str = _RESUME) -> None:
        """Write or replace a whole file.

        Raises:
            ResultsError: The file cannot be written; an earlier file of that name is untouched.
        """
        with _describe_errors(self.location_of(name), "write", f"free some space or mend the folder, then {remedy}"):
            if self.is_local:
                _write_and_rename(Path(self.path) / name, content)
                return
            with self.filesystem.open_output_stream(self.path_of(name)) as stream:
                stream.write(content)

    def delete(self, name: str) -> None:
        """Remove a file; a missing one is no error.

        Raises:
            ResultsError: The file cannot be removed.
        """
        with _describe_errors(self.location_of(name), "remove"):
            if self.has(name):
                self.filesystem.delete_file(self.path_of(name))

    def check_writable(self) -> None:
        """Check that a local folder, or its nearest parent that exists, can be written. Writes nothing.

        Raises:
            ResultsError: It cannot be written.
        """
        if self.is_local and not os.access(self._nearest, os.W_OK | os.X_OK):
            raise ResultsError(
                f"cannot write {self.location}: {self._nearest} is read-only for you; choose another folder with "
                "--results"
            )

    @property
    def _nearest(self) -> Path:
        """The folder of a local location, or its nearest parent that exists."""
        path = Path(self.path)
        return next(known for known in (path, *path.parents) if known.exists())

    def make(self) -> None:
        """Create the folder and its parents where they are missing.

        Raises:
            ResultsError: The folder cannot be created.
        """
        with _describe_errors(self.location, "make", "choose another one with --results"):
            self.filesystem.create_dir(self.path, recursive=True)

    def free_bytes(self) -> int | None:
        """Free space of the disk that holds a local folder; None for a remote one, where it is unknown."""
        if not self.is_local:
            return None
        return shutil.disk_usage(self._nearest).free


def _open_uri(uri: str) -> tuple[fs.FileSystem, str]:
    """File system of a URI and the path within it: pyarrow's where it has one, else fsspec's."""
    try:
        known: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(uri)
        return known
    except pa.ArrowInvalid as error:
        if "Unrecognized filesystem type" not in str(error):
            raise ResultsError(f"{uri} is not a location that can be opened: {_reason(error)}") from error
    except OSError as error:
        raise ResultsError(f"{uri} cannot be opened: {_reason(error)}") from error
    import fsspec  # here, since most results are local

    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise ResultsError(
            f"{uri} cannot be opened ({_reason(error)}); use a folder, s3:// or gs://, or install what fsspec needs"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path


@contextmanager
def _describe_errors(location: Location, verb: str, remedy: str = "see that it is there and yours") -> Iterator[None]:
    """Turn an error of the file system into one that names the location and a remedy."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"cannot {verb} {location}: {_reason(error)}; {remedy}") from error


def _reason(error: Exception) -> str:
    """First line of an error, without the error number of the operating system."""
    # of pyarrow's message, the part that the operating system gave
    text = re.sub(r"^.*Detail: \[errno \d+\] ", "", getattr(error, "strerror", None) or str(error))
    return (text.splitlines() or [type(error).__name__])[0]


def _write_and_rename(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, flush it to disk, then rename it."""
    aside = path.with_name(f".part-{uuid4().hex}.tmp")
    try:
        with aside.open("xb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Flush a folder's entries, so that a rename survives a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
