"""The docstrings task: real summarisation text that every machine with Python has.

The first paragraph of a docstring is the summary. The prose after it is the text to summarise. Files are parsed, never
imported. Left out: doctests, and everything after a section heading such as `Args:`.

The same installation gives the same pairs. Other installations give other pairs, so scores can only be compared on one
machine.
"""

import ast
import hashlib
import re
import sysconfig
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from erpo_explore.errors import DataError
from erpo_explore.tasks.config import DocstringsConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.reader import TaskReader

__all__ = ["DOCSTRINGS", "docstring_pairs", "docstrings_corpus"]

_MIN_SUMMARY_WORDS: Final = 3
_SHARES: Final = 10
"""Number of equal shares of the files: one is the validation split, one is the test split."""

_SKIPPED: Final = frozenset({"test", "tests", "testing", "idle_test", "site-packages", "dist-packages", "__pycache__"})
_TOKEN: Final = re.compile(r"\w+|[^\w\s\ud800-\udfff]")
"""A word or a punctuation mark. Lone surrogates are neither, since no file can hold them."""

_HEADING: Final = re.compile(r"[A-Z][\w ]*:|(:param|@param|\.\. ).*")
_UNDERLINE: Final = re.compile(r"\s*([-=~*])\1\1")
_ROLE: Final = re.compile(r":[\w:.+-]+:`~?([^`]*)`")
_Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings_corpus(config: DocstringsConfig) -> Corpus:
    """Read docstrings until there are `max_pairs`. No body occurs twice, and no file is in two splits.

    Args:
        config: Folders and limits.

    Raises:
        DataError: A folder of `roots` is missing.
    """
    splits: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    seen: set[str] = set()
    for root, file in _python_files(_roots(config)):
        split = splits[_split(file.relative_to(root).as_posix())]
        for body, summary in docstring_pairs(_read(file), config):
            if body in seen:
                continue
            if len(seen) == config.max_pairs:
                break
            seen.add(body)
            split.append((body, summary))
        if len(seen) == config.max_pairs:
            break
    train, validation, test = map(tuple, splits)
    return Corpus(train=train, validation=validation, test=test)


def docstring_pairs(code: str, config: DocstringsConfig) -> Iterator[Pair]:
    """Yield body and summary of each suitable docstring of a module; none if the code cannot be parsed.

    Args:
        code: Python source.
        config: Bounds `min_body_words`, `max_body_words` and `max_summary_words`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarning and others of foreign code
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
    for node in _definitions(tree):
        summary, body = _summary_and_body(ast.get_docstring(node) or "")
        body_words, summary_words = _words(body), _words(summary)
        num_words = sum(word[0].isalnum() for word in body_words)
        if num_words >= config.min_body_words and _MIN_SUMMARY_WORDS <= len(summary_words) <= config.max_summary_words:
            yield " ".join(body_words[: config.max_body_words]), " ".join(summary_words)


def _definitions(node: _Definition) -> Iterator[_Definition]:
    """Yield the module, its classes and its functions, except those within an `if` or `try`."""
    yield node
    for statement in node.body:
        if isinstance(statement, _Definition):
            yield from _definitions(statement)


def _summary_and_body(docstring: str) -> tuple[str, str]:
    """Split off the first paragraph; the body is the prose up to the first section heading."""
    first, *others = re.split(r"\n\s*\n", docstring.strip())
    prose: list[str] = []
    for paragraph in others:
        lines = paragraph.strip().split("\n")
        if _HEADING.fullmatch(lines[0].strip()) or _UNDERLINE.match("".join(lines[1:2])):
            break
        if not lines[0].lstrip().startswith(">>>"):
            prose.append(paragraph)
    return first, "\n".join(prose)


def _words(text: str) -> list[str]:
    """Lower-case words and punctuation marks, without the most common markup."""
    return _TOKEN.findall(_ROLE.sub(r"\1", text).replace("`", "").lower())


def _roots(config: DocstringsConfig) -> list[Path]:
    """Folders to read, in order."""
    if config.roots is None:
        paths = sysconfig.get_paths()
        return [Path(paths["stdlib"]), Path(paths["purelib"])]
    for root in config.roots:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; give docstrings.roots folders of Python files")
    return list(config.roots)


def _python_files(roots: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield root and file, sorted within each root, without tests."""
    for root in roots:
        for file in _files_below(root):
            yield root, file


def _files_below(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name not in _SKIPPED and not entry.is_symlink():
                yield from _files_below(entry)
        elif entry.suffix == ".py" and not entry.name.startswith("test_"):
            yield entry


def _read(file: Path) -> str:
    """Read the code in its declared encoding; empty where it cannot be read."""
    try:
        with tokenize.open(file) as opened:
            return opened.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _split(name: str) -> int:
    """Index of a file's split: 0 train, 1 validation, 2 test. Hashed by sha256: `hash` differs between processes."""
    share = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big") % _SHARES
    return share if share in (1, 2) else 0


def _source_line(config: DocstringsConfig, line: str) -> str:
    """The words and punctuation marks of a body."""
    return " ".join(_words(line)[: config.max_body_words])


def _reference_line(config: DocstringsConfig, line: str) -> str:
    """The words and punctuation marks of a summary."""
    del config
    return " ".join(_words(line))


DOCSTRINGS: Final = TaskReader(
    read=docstrings_corpus,
    source_line=_source_line,
    reference_line=_reference_line,
    remedy="raise max_pairs, lower min_body_words or give roots with more Python files",
    may_change=True,
)
"""The task `docstrings`."""
