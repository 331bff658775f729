"""YAML of users, read strictly, as plain values, in bounded time and memory.

YAML 1.1 reads some texts as values that they do not look like: `no` as false, `010` as 8, `1:30` as 90. The last of two
equal keys wins without a message. Both are refused with their lines.

`yaml.safe_load` constructs no objects. But a few lines of aliases to aliases ("a billion laughs") become a value that
fills the memory of a program that traverses or prints it. Merge keys do so while the text is read. The size with all
aliases expanded is therefore counted before any value is constructed.
"""

import re
from typing import Any, Final

import yaml

from erpo_explore.errors import ConfigError

__all__ = ["load_yaml"]

_MOST_VALUES: Final = 100_000
"""Maximum number of values with all aliases expanded. A replayed path of many knots has some thousands."""

_REMEDIES: Final = (
    (r"character '\t'", "a tab stands where only spaces may; indent with spaces"),
    ("cannot start any token", "a value begins with a character that has a meaning in YAML; put the value in quotes"),
    ("undefined alias", "a value begins with *, which refers to an anchor; put the value in quotes"),
    ("mapping values are not allowed", "a value has a colon, or a line is indented too far; put the value in quotes"),
    ("found unexpected end of stream", "a quote is not closed; close it"),
    ("could not find expected ':'", "a field has no colon; write FIELD: VALUE"),
    ("but found '<stream end>'", "a bracket is not closed; close it"),
    ("while parsing a flow", "a bracket is not closed, or a comma is missing"),
    ("while parsing a block", "this line does not continue what stands above it; indent it like its neighbours"),
    ("'<document start>'", "this line does not continue what stands above it; indent it like its neighbours"),
    ("found another document", "a second document begins here (---); keep one"),
    ("unhashable key", "a list or a mapping stands where the name of a field belongs"),
    ("could not determine a constructor", "a tag (!) makes no plain value; leave it out"),
)
"""Part of a message of PyYAML, and what it means; the first that fits."""

_TAG: Final = "tag:yaml.org,2002:"
_OCTAL: Final = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")


def load_yaml(text: str) -> Any:
    """Read the value of a YAML document.

    >>> load_yaml("{steps: 100, baselines: [mle]}")
    {'steps': 100, 'baselines': ['mle']}

    Raises:
        ConfigError: The text is no YAML, names a Python object, has a key twice or a value that is not what it looks
            like, contains itself, or is too large or too deep. The message is one line, without the name of a file. It
            begins with the line number if there are several lines.
    """
    has_lines = "\n" in text.strip()
    try:
        return _load(text, has_lines)
    except yaml.reader.ReaderError as error:
        strange = chr(error.character) if isinstance(error.character, int) else error.character
        raise ConfigError(f"holds a character that YAML does not allow, {strange!r}; remove it") from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError(_at(error.problem_mark, has_lines) + _advice(error)) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a number that cannot be
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"is no valid YAML: {' '.join(str(error).split())}") from error


def _load(text: str, has_lines: bool) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, {}, has_lines)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _check(node: yaml.Node, counted: dict[int, int | None], has_lines: bool) -> int:
    """Number of values of a node, aliases expanded. `counted` holds finished nodes, and None for unfinished ones."""
    if isinstance(node, yaml.ScalarNode):
        if (reading := _surprise(node)) is not None:
            raise ConfigError(_at(node.start_mark, has_lines) + reading)
        return 1
    if id(node) not in counted:
        counted[id(node)] = None
        if isinstance(node, yaml.MappingNode):
            _check_keys(node, has_lines)
        inner = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
        total = 1 + sum(_check(each, counted, has_lines) for each in inner)
        if total > _MOST_VALUES:
            raise ConfigError(f"holds more than {_MOST_VALUES:,} values")
        counted[id(node)] = total
    known = counted[id(node)]
    if known is None:
        raise ConfigError("holds itself")
    return known


def _check_keys(node: yaml.MappingNode, has_lines: bool) -> None:
    """Refuse a key that a mapping has twice. A key beside a merged one (`<<`) replaces it, as YAML says."""
    first: dict[tuple[str, str], yaml.Mark] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name = (key.tag, key.value)
        if name in first:
            before, here = first[name].line + 1, key.start_mark.line + 1
            where = f"lines {before} and {here}" if before != here else f"line {here}"
            raise ConfigError(
                f"{f'{where}: ' if has_lines else ''}{key.value} is given twice, and only the last one would count; "
                "keep one of them"
            )
        first[name] = key.start_mark


def _surprise(node: yaml.ScalarNode) -> str | None:
    """What a plain text is read as, and what to write instead; None where it is read as what it looks like."""
    text, kind = node.value, node.tag.removeprefix(_TAG)
    if node.style is not None or kind not in ("bool", "int", "float", "timestamp"):
        return None
    quoted = f"'{text}' in quotes"
    if kind == "bool" and text.lower() not in ("true", "false"):
        value = "true" if text.lower() in ("yes", "on") else "false"
        return f"YAML reads {text} as {value}; write {quoted} for the word, or {value}"
    if kind == "timestamp":
        return f"YAML reads {text} as a date; write {quoted} for the text"
    if kind in ("int", "float") and ":" in text:
        return f"YAML reads {text} as a number to base 60; write {quoted} for the text, or the number itself"
    if kind == "int" and _OCTAL.fullmatch(text):
        plain = text.replace("_", "")
        decimal = plain.replace("0", "", 1) if plain[0] not in "+-" else plain[0] + plain[1:].lstrip("0")
        return (
            f"YAML reads {text} as the octal number {int(plain, 8)}; write {decimal.lstrip('0')} for the number, or "
            f"{quoted} for the text"
        )
    return None


def _at(mark: yaml.Mark | None, has_lines: bool) -> str:
    return f"line {mark.line + 1}: " if mark is not None and has_lines else ""


def _advice(error: yaml.MarkedYAMLError) -> str:
    """What is wrong in a text that is no YAML, and the remedy where the cause is clear."""
    problem = " ".join(f"{error.context or ''} {error.problem or ''}".split())
    remedy = next((remedy for cause, remedy in _REMEDIES if cause in problem), None)
    return f"is no valid YAML ({problem})" if remedy is None else f"is no valid YAML: {remedy}"
