"""Untrusted YAML, read as plain values in bounded time and memory.

`yaml.safe_load` constructs no objects. But a few lines of aliases to aliases ("a billion laughs") become a value that
fills the memory of a program that traverses or prints it. Merge keys do so while the text is read. The size with all
aliases expanded is therefore counted before any value is constructed.
"""

from typing import Any, Final

import yaml

__all__ = ["load_yaml"]

_MOST_VALUES: Final = 100_000
"""Maximum number of values with all aliases expanded. A replayed path of many knots has some thousands."""


def load_yaml(text: str) -> Any:
    """Read the value of a YAML document.

    >>> load_yaml("{steps: 100, baselines: [mle]}")
    {'steps': 100, 'baselines': ['mle']}

    Raises:
        yaml.YAMLError: The text is no YAML, names a Python object, contains itself, or is too large or too deep.
        ValueError: An impossible date or number, such as 2024-13-45.
    """
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:  # its own message has two lines
        raise yaml.YAMLError(f"holds a character that YAML does not allow, {error.character!r}") from error
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {})
        return loader.construct_document(node)
    except RecursionError as error:
        raise yaml.YAMLError("is nested too deeply") from error
    finally:
        loader.dispose()


def _count(node: yaml.Node, counted: dict[int, int | None]) -> int:
    """Number of values of a node, aliases expanded. `counted` holds finished nodes, and None for unfinished ones."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = None
        inner = node.value if isinstance(node, yaml.SequenceNode) else [each for pair in node.value for each in pair]
        total = 1 + sum(_count(each, counted) for each in inner)
        if total > _MOST_VALUES:
            raise yaml.YAMLError(f"holds more than {_MOST_VALUES:,} values")
        counted[id(node)] = total
    known = counted[id(node)]
    if known is None:
        raise yaml.YAMLError("holds itself")
    return known
