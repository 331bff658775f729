"""Digests of a task's data, by which an exploration recognises the data that it began with.

A file is hashed as it is, before anything is read from it. Text without files of its own, such as a data set of the
hub, is hashed as it was read. BLAKE2b takes about a second per gigabyte.
"""

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from erpo_explore.errors import DataError
from erpo_explore.named_function import load_object
from erpo_explore.tasks.corpus import Corpus
from erpo_explore.tasks.reader import TaskReader

__all__ = ["file_digests", "text_digests"]

_BYTES: Final = 16


def file_digests(config: Any) -> dict[str, str]:
    """Digest of each file of a task's data, by name; empty for a task without files of its own.

    Args:
        config: Config of the task.

    Raises:
        DataError: The folder is missing, or a file cannot be read.
    """
    reader: TaskReader = load_object("task.name", config.reader)
    return {name: _digest_now(file) for name, file in reader.files(config).items()}


def text_digests(corpus: Corpus) -> Mapping[str, str]:
    """Digest of the pairs of each split, by name."""
    splits = {"train": corpus.train, "validation": corpus.validation, "test": corpus.test}
    return {name: _text_digest(pairs) for name, pairs in splits.items()}


def _digest_now(file: Path) -> str:
    try:
        found = file.stat()
        return _file_digest(file, found.st_size, found.st_mtime_ns)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); make it a readable file") from error


@lru_cache(maxsize=64)
def _file_digest(file: Path, size: int, modified_ns: int) -> str:
    """Digest of a file, hashed once per process as long as its size and date stay."""
    del size, modified_ns
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, _blake2b).hexdigest()


def _text_digest(pairs: tuple[tuple[str, str], ...]) -> str:
    """Digest of pairs. No line holds a line feed, so two lists of pairs never give the same bytes."""
    digest = _blake2b()
    for source, target in pairs:
        digest.update(f"{source}\n{target}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _blake2b() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=_BYTES)
