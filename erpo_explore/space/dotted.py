"""Names of objects from outside the package, `package.module:object`. Checked by form alone; nothing is imported."""

import re
from typing import Final

__all__ = ["is_dotted"]

_DOTTED: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def is_dotted(name: object) -> bool:
    """Whether a value has the form `package.module:object`.

    >>> is_dotted("mine.scores:comet"), is_dotted("bleu")
    (True, False)
    """
    return isinstance(name, str) and _DOTTED.fullmatch(name) is not None
