"""The rules of CONTRIBUTING, "Language", that a machine can hold.

A finding is a line `file:line: rule`. Prose is what a reader reads: Markdown without code blocks, tables and formulas;
in Python, the docstrings and comments. Left out: grammar and tone, which a reviewer holds.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["OLD_WORDS", "markdown_findings", "prose_of_markdown", "python_findings", "sentences"]

MAX_WORDS: Final = 35
"""Words of a sentence in the docs."""

MAX_COLUMNS: Final = 100
"""Columns of a line of Markdown; tables, links and code cannot be broken."""

OLD_WORDS: Final = {
    r"dots?": "named algorithm, or baseline",
    r"trunks?": "initial checkpoint",
    r"landmarks?": "candidate",
    r"rivals?": "baseline",
    r"rosters?": "ready queue",
    r"rescue[ds]?": "preemption, or reseed",
    r"atlas(?:es)?": "report",
    r"(?<!random )walk(?:s|ed)": "path so far, or train along",
    r"nobody": "the subject itself",
    r"whoever": "the subject itself",
    r"(?:is|are|was|were|be|been) told": "the subject and its verb",
    r"told of": "reported",
    r"hangs? on": "depends on",
    r"no longer a number": "non-finite",
}
"""A pattern of a word that is no longer used, and what to write instead."""

_OLD: Final = {
    re.compile(rf"(?<![\w`./-]){pattern}(?![\w`/-])", re.IGNORECASE): use for pattern, use in OLD_WORDS.items()
}
_CODE_SPAN: Final = re.compile(r"`[^`]*`")
_DOCTEST: Final = re.compile(r"^\s*>>>.*(?:\n(?!\s*$).*)*", re.MULTILINE)
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_FORMULA: Final = re.compile(r"\\\(.*?\\\)|\$[^$]*\$")
_BULLET: Final = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_END: Final = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z0-9`Α-Ωα-ω])")
_ABBREVIATION: Final = re.compile(r"\b(e\.g|i\.e|et al|etc|vs|cf|approx|Fig|Eq|sec|no)\.", re.IGNORECASE)
_UNBREAKABLE: Final = re.compile(r"^\s*<!--|^\s*\||https?://|^\s*\[[^\]]+\]:|^\s*!\[|\]\([^)]{40,}\)")


def prose_of_markdown(text: str) -> list[tuple[int, str]]:
    """Paragraphs of a page with the number of their first line.

    Code blocks, tables, formulas, comments and front matter are left out; a list item is a paragraph.
    """
    paragraphs: list[tuple[int, list[str]]] = []
    fenced = formula = open_paragraph = False
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith(("```", "~~~")):
            fenced, open_paragraph = not fenced, False
        elif bare in ("\\[", "$$") or (formula and bare in ("\\]", "$$")):
            formula, open_paragraph = not formula, False
        elif fenced or formula or not bare or bare.startswith(("|", "#", "<!--", ":::", "!!!", "---", "![", "<")):
            open_paragraph = False
        elif line.startswith("    ") and not open_paragraph:
            continue  # an indented code block
        elif _BULLET.match(line) or not open_paragraph:
            paragraphs.append((number, [_BULLET.sub("", line).strip()]))
            open_paragraph = True
        else:
            paragraphs[-1][1].append(bare)
    return [(number, " ".join(lines)) for number, lines in paragraphs]


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph; a code span, a link or a formula counts as its own words."""
    plain = _LINK.sub(r"\1", paragraph)
    plain = _FORMULA.sub("formula", _CODE_SPAN.sub("`code`", plain))
    plain = _ABBREVIATION.sub(lambda found: found[0].replace(".", ""), plain)
    return [sentence for sentence in _END.split(plain) if sentence.strip()]


def num_words(sentence: str) -> int:
    """Words of a sentence: what has a letter or a digit in it."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def markdown_findings(file: Path, text: str) -> Iterator[str]:
    """Findings of one Markdown page."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and len(line) > MAX_COLUMNS and not _UNBREAKABLE.search(line):
            yield f"{file}:{number}: {len(line)} columns, at most {MAX_COLUMNS}"
    for number, paragraph in prose_of_markdown(text):
        for sentence in sentences(paragraph):
            if (count := num_words(sentence)) > MAX_WORDS:
                yield f"{file}:{number}: a sentence of {count} words, at most {MAX_WORDS}: {sentence[:60]}…"
        yield from _old_words(f"{file}:{number}", _CODE_SPAN.sub("``", _LINK.sub(r"\1", paragraph)))


def python_findings(file: Path, text: str) -> Iterator[str]:
    """Findings of one Python module: its docstrings, also those below a field, and its comments."""
    for number, docstring in _docstrings(ast.parse(text)):
        if docstring.startswith("Of "):
            yield f"{file}:{number}: a docstring must stand without its name, not begin with “Of …”"
        yield from _old_words(f"{file}:{number}", _CODE_SPAN.sub("``", _DOCTEST.sub("", docstring)))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield from _old_words(f"{file}:{token.start[0]}", _CODE_SPAN.sub("``", token.string))


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every expression that is a string alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value.strip()


def _old_words(where: str, prose: str) -> Iterator[str]:
    for pattern, use in _OLD.items():
        if found := pattern.search(prose):
            yield f"{where}: “{found[0]}” is an old word; write {use}"
