"""Names of objects from outside the package, `package.module:object`. Checked by form alone; nothing is imported."""

import re
from typing import Final

__all__ = ["is_dotted", "names_class"]

_DOTTED: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_CLASS: Final = re.compile(r"[A-Z]\w*[a-z]\w*")


def is_dotted(name: object) -> bool:
    """Whether a value has the form `package.module:object`.

    >>> is_dotted("mine.scores:comet"), is_dotted("bleu")
    (True, False)
    """
    return isinstance(name, str) and _DOTTED.fullmatch(name) is not None


def names_class(name: str) -> bool:
    """Whether a dotted name is that of a class: capitalised, with a lower-case letter (PEP 8).

    >>> names_class("mine:Overlap"), names_class("mine:overlap"), names_class("mine:COMET")
    (True, False, False)
    """
    return is_dotted(name) and _CLASS.fullmatch(re.split(r"[:.]", name)[-1]) is not None
