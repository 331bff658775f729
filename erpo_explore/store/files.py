"""The one place where the store touches a file system: a folder of this machine, or any URI of pyarrow or fsspec.

Every file appears whole or not at all. On this machine it is written aside, flushed and renamed; elsewhere it is one
upload, and object stores show an object when it is complete.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import fsspec
import pyarrow as pa
from pyarrow import fs

from erpo_explore.errors import ResultsError

__all__ = ["Folder", "Location", "as_location", "is_folder", "join", "read", "resolved", "within", "write_aside"]

Location = str | Path
"""Where something lies: a path of this machine, or a URI."""

_SCHEME: Final = "://"
_RESUME: Final = "continue with `erpo-explore resume`"


def as_location(text: str) -> Location:
    """What a user wrote, as a path where it is no URI."""
    return text if _SCHEME in text else Path(text)


def join(place: Location, *names: str) -> Location:
    """What lies within a folder.

    Example:
        >>> join("s3://bucket/results", "mine", "report.html")
        's3://bucket/results/mine/report.html'
    """
    return place.joinpath(*names) if isinstance(place, Path) else "/".join([place.rstrip("/"), *names])


def resolved(place: Location) -> Location:
    """The same place, for a process that has another working directory."""
    place = as_location(str(place))
    return place.resolve() if isinstance(place, Path) else place.rstrip("/")


def is_folder(place: Location) -> bool:
    """Whether a folder is there."""
    return bool(Folder.at(place).kind() == fs.FileType.Directory)


def within(place: Location, folder: Location) -> str | None:
    """What a place is called within a folder, both resolved; None where it does not lie in it.

    Example:
        >>> within("s3://bucket/results/mine/trunk", "s3://bucket/results/mine")
        'trunk'
    """
    name = str(place).removeprefix(f"{folder}/")
    return None if name == str(place) else name


def write_aside(place: Location, content: bytes, *, remedy: str = _RESUME) -> None:
    """Write or replace a file, whole.

    Args:
        place: The file; its folder exists.
        content: All of its bytes.
        remedy: What the user does once it can be written.

    Raises:
        ResultsError: it cannot be written; what was there before is untouched.
    """
    folder, name = _folder_and_name(place)
    folder.write(name, content, remedy=remedy)


def read(place: Location) -> bytes:
    """A whole file.

    Raises:
        ResultsError: it cannot be read.
    """
    folder, name = _folder_and_name(place)
    return folder.read(name)


def _folder_and_name(place: Location) -> tuple["Folder", str]:
    place = as_location(str(place))
    if isinstance(place, Path):
        return Folder.at(place.parent), place.name
    parent, _, name = place.rpartition("/")
    return Folder.at(parent), name


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may not be there yet.

    Attributes:
        filesystem: What holds it.
        path: Within that.
        place: As the user names it.
    """

    filesystem: fs.FileSystem
    path: str
    place: Location

    @classmethod
    def at(cls, place: Location) -> "Folder":
        """The folder of that name.

        Raises:
            ResultsError: no file system is known for such a URI, or it is misspelt.
        """
        place = as_location(str(place))
        if isinstance(place, Path):
            return cls(fs.LocalFileSystem(), str(place.absolute()), place)
        filesystem, path = _open_uri(place)
        if not path.strip("/"):
            raise ResultsError(f"{place} names no folder; write it as s3://bucket/results")
        return cls(filesystem, path.rstrip("/"), place)

    @property
    def is_local(self) -> bool:
        """Whether it lies on this machine."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def within(self, name: str) -> "Folder":
        """A folder in this one."""
        return Folder(self.filesystem, f"{self.path}/{name}", join(self.place, name))

    def path_of(self, name: str) -> str:
        """A file in it, as its file system knows it."""
        return f"{self.path}/{name}"

    def place_of(self, name: str) -> Location:
        """A file in it, as the user names it."""
        return join(self.place, name)

    def kind(self) -> fs.FileType:
        """Whether it is a directory, a file, or not there."""
        with _told(self.place, "read"):
            return self.filesystem.get_file_info(self.path).type

    def has(self, name: str) -> bool:
        """Whether a file of that name lies in it."""
        with _told(self.place_of(name), "read"):
            return bool(self.filesystem.get_file_info(self.path_of(name)).type == fs.FileType.File)

    def entries(self) -> list[fs.FileInfo]:
        """The files and folders in it by name; none where it is missing."""
        with _told(self.place, "read"):
            found = self.filesystem.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        return sorted(found, key=lambda entry: str(entry.base_name))

    def read(self, name: str) -> bytes:
        """A whole file.

        Raises:
            ResultsError: it cannot be read.
        """
        with _told(self.place_of(name), "read"), self.filesystem.open_input_stream(self.path_of(name)) as stream:
            return bytes(stream.read())

    def open(self, name: str) -> pa.NativeFile:
        """A file to read from at any place in it; close it.

        Raises:
            ResultsError: it cannot be read.
        """
        with _told(self.place_of(name), "read"):
            return self.filesystem.open_input_file(self.path_of(name))

    def write(self, name: str, content: bytes, *, remedy: str = _RESUME) -> None:
        """Write or replace a file, whole.

        Raises:
            ResultsError: it cannot be written; what was there before is untouched.
        """
        with _told(self.place_of(name), "write", f"free some space or mend the folder, then {remedy}"):
            if self.is_local:
                _write_and_rename(Path(self.path) / name, content)
                return
            with self.filesystem.open_output_stream(self.path_of(name)) as stream:
                stream.write(content)

    def delete(self, name: str) -> None:
        """Remove a file; one that is gone already is no error.

        Raises:
            ResultsError: it cannot be removed.
        """
        with _told(self.place_of(name), "remove"):
            if self.has(name):
                self.filesystem.delete_file(self.path_of(name))

    def make(self) -> None:
        """Make the folder and those above it, where they are missing.

        Raises:
            ResultsError: it cannot be made.
        """
        with _told(self.place, "make", "choose another one with --results"):
            self.filesystem.create_dir(self.path, recursive=True)

    def free_bytes(self) -> int | None:
        """Free space of the disk that holds it, on this machine; None elsewhere, where nobody knows."""
        if not self.is_local:
            return None
        path = Path(self.path)
        return shutil.disk_usage(next(place for place in (path, *path.parents) if place.exists())).free


def _open_uri(uri: str) -> tuple[fs.FileSystem, str]:
    """The file system of a URI and the path in it: pyarrow's own where it has one, else fsspec's."""
    try:
        known: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(uri)
        return known
    except pa.ArrowInvalid as error:
        if "Unrecognized filesystem type" not in str(error):
            raise ResultsError(f"{uri} is no place that can be opened: {_reason(error)}") from error
    except OSError as error:
        raise ResultsError(f"{uri} cannot be opened: {_reason(error)}") from error
    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
    except (ValueError, ImportError) as error:
        raise ResultsError(
            f"{uri} cannot be opened ({_reason(error)}); use a folder, s3:// or gs://, or install what fsspec needs"
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path


@contextmanager
def _told(place: Location, verb: str, remedy: str = "see that it is there and yours") -> Iterator[None]:
    """A file system's error as one that names the place and what to do."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"cannot {verb} {place}: {_reason(error)}; {remedy}") from error


def _reason(error: Exception) -> str:
    """An error's first line, without what the operating system's number says again."""
    text = getattr(error, "strerror", None) or str(error)
    return (text.splitlines() or [type(error).__name__])[0]


def _write_and_rename(path: Path, content: bytes) -> None:
    """Write a file under a temporary name beside it, flush it to the disk, then rename it."""
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
    """Flush a folder's entries, so that a rename outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
