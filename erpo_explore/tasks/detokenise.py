"""The inverse of sacrebleu's 13a tokenizer, where it has one.

13a splits words from punctuation and forgets where spaces were. Here, marks are attached as in written English, and
only where 13a splits the result as it splits the tokens. So no score changes; where spaces were is a convention.
Left out: what 13a cannot tell, such as "a -b" from "a - b", the case of letters, and other languages' conventions.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

__all__ = ["detokenise_13a"]

_LEFT: Final = frozenset(".,;:!?)]}%'…»")
"""Marks that attach to the word before them."""

_RIGHT: Final = frozenset("([{$«¿¡")
"""Marks that attach to the word after them."""

_QUOTE: Final = '"'


def detokenise_13a(text: str) -> str:
    """Text that 13a splits as it splits `text`, with marks attached to words.

    Tokens of 13a come back as they are, but for a few that it splits when it sees them again, such as ".1" of "..1".

    >>> detokenise_13a('he said : " well ( maybe ) , yes . "')
    'he said: "well (maybe), yes."'
    >>> detokenise_13a("at 3 . 5 , or 3.5 ?")
    'at 3. 5, or 3.5?'

    Args:
        text: Tokens of 13a, separated by spaces.
    """
    tokens, tokenize = text.split(), _tokenizer()
    wanted = tokenize(" ".join(tokens))
    joined = "".join(_with_spaces(tokens, [True] * len(tokens)))
    if tokenize(joined) == wanted:
        return joined
    # somewhere 13a would not split again, as between digits: attach one mark after the other
    attach = [False] * len(tokens)
    for index, attached in enumerate(_attached(tokens)):
        attach[index] = attached
        if attached and tokenize("".join(_with_spaces(tokens, attach))) != wanted:
            attach[index] = False
    return "".join(_with_spaces(tokens, attach))


def _attached(tokens: list[str]) -> list[bool]:
    """Whether each token is written without a space before it."""
    attached, is_open, after_opening = [], False, True
    for token in tokens:
        opens = token in _RIGHT or (token == _QUOTE and not is_open)
        attached.append(after_opening or token in _LEFT or (token == _QUOTE and is_open))
        if token == _QUOTE:
            is_open = not is_open
        after_opening = opens
    return attached


def _with_spaces(tokens: list[str], allowed: list[bool]) -> list[str]:
    pieces = []
    for index, (token, attached) in enumerate(zip(tokens, _attached(tokens), strict=True)):
        pieces.append(token if index == 0 or (attached and allowed[index]) else f" {token}")
    return pieces


@cache
def _tokenizer() -> Callable[[str], Any]:
    from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a

    tokenizer: Callable[[str], Any] = Tokenizer13a()  # type: ignore[no-untyped-call]  # sacrebleu leaves it untyped
    return tokenizer
