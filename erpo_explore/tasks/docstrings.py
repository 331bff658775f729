"""The docstrings task: real summarization text that any machine with Python has.

A docstring's first paragraph is the summary that a person wrote, the prose behind it is the text to summarize. Files
are parsed, never imported. Doctests, and what follows a section heading such as `Args:`, are no prose and left out.

The same installation gives the same pairs; another one gives others, so scores only compare within a machine.
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
_SIDES: Final = 10
"""Of so many equal shares of the files, one is the test and one the valid split."""

_SKIPPED: Final = frozenset({"test", "tests", "testing", "idle_test", "site-packages", "dist-packages", "__pycache__"})
_TOKEN: Final = re.compile(r"\w+|[^\w\s\ud800-\udfff]")
"""A word or a mark; lone surrogates, which no file can hold, are neither."""

_HEADING: Final = re.compile(r"[A-Z][\w ]*:|(:param|@param|\.\. ).*")
_UNDERLINE: Final = re.compile(r"\s*([-=~*])\1\1")
_ROLE: Final = re.compile(r":[\w:.+-]+:`~?([^`]*)`")
_Definition = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def docstrings_corpus(config: DocstringsConfig) -> Corpus:
    """Read docstrings until there are `max_pairs`; no body comes twice, and no file is on two sides.

    Args:
        config: Folders and limits.

    Raises:
        DataError: A folder of `roots` is missing.
    """
    sides: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    seen: set[str] = set()
    for root, file in _python_files(_roots(config)):
        side = sides[_side(file.relative_to(root).as_posix())]
        for body, summary in docstring_pairs(_read(file), config):
            if body in seen:
                continue
            if len(seen) == config.max_pairs:
                break
            seen.add(body)
            side.append((body, summary))
        if len(seen) == config.max_pairs:
            break
    train, valid, test = map(tuple, sides)
    return Corpus(train=train, validation=valid, test=test)


def docstring_pairs(code: str, config: DocstringsConfig) -> Iterator[Pair]:
    """Body and summary of each fitting docstring of a module's code; none if it does not parse.

    Args:
        code: Python source.
        config: Bounds `min_body_words`, `max_body_words` and `max_summary_words`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SyntaxWarning and the like are other people's
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
    """The module and the classes and functions in it, none that stands in an `if` or `try`."""
    yield node
    for statement in node.body:
        if isinstance(statement, _Definition):
            yield from _definitions(statement)


def _summary_and_body(docstring: str) -> tuple[str, str]:
    """The first paragraph, and the paragraphs of prose between it and the first section heading."""
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
    """Lower-case words and punctuation marks, without the commonest markup."""
    return _TOKEN.findall(_ROLE.sub(r"\1", text).replace("`", "").lower())


def _roots(config: DocstringsConfig) -> list[Path]:
    """The folders to read, in their order."""
    if config.roots is None:
        paths = sysconfig.get_paths()
        return [Path(paths["stdlib"]), Path(paths["purelib"])]
    for root in config.roots:
        if not root.is_dir():
            raise DataError(f"{root}: no such folder; give docstrings.roots folders of Python files")
    return list(config.roots)


def _python_files(roots: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Root and file, sorted within each root, without tests."""
    for root in roots:
        for file in _walk(root):
            yield root, file


def _walk(folder: Path) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.is_dir():
            if entry.name not in _SKIPPED and not entry.is_symlink():
                yield from _walk(entry)
        elif entry.suffix == ".py" and not entry.name.startswith("test_"):
            yield entry


def _read(file: Path) -> str:
    """The code in its own encoding, or nothing where it cannot be read."""
    try:
        with tokenize.open(file) as opened:
            return opened.read()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _side(name: str) -> int:
    """0 train, 1 valid, 2 test: by a hash of the file's name, since `hash` differs between processes."""
    share = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:8], "big") % _SIDES
    return share if share in (1, 2) else 0


DOCSTRINGS: Final = TaskReader(
    read=docstrings_corpus, remedy="raise max_pairs, lower min_body_words or give roots with more Python files"
)
"""The task `docstrings`."""
