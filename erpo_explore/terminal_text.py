"""Text for terminals that cannot show all of Unicode, such as those of the locale C.

Greek letters get their names, signs their spelling, and other letters lose their accents. What has no spelling becomes
a question mark, so that printing never fails.
"""

import codecs
import sys
import unicodedata
from typing import Final

__all__ = ["shown", "spell_what_cannot_be_shown"]

_ERRORS: Final = "erpo_explore.spell"

_SIGNS: Final = {
    "…": "...", "→": "->", "↑": "^", "↓": "v", "−": "-", "–": "-", "—": "-", "±": "+-", "×": "x", "·": "*", "≥": ">=",
    "≤": "<=", "∞": "inf", "≈": "~", "∝": "~", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "√": "sqrt",
    "λ": "lambda", "ß": "ss", "Δ": "Delta", "Σ": "Sum", "Π": "Prod",
    "∇": "grad", "∈": "in", "█": "#", "▇": "#", "━": "-", "╸": "-", "╺": "-",
    "─": "-", "│": "|", "\u0303": "~", "\u0302": "^",
}  # fmt: skip


def spell_what_cannot_be_shown() -> None:
    """Let standard output and standard error spell characters that their encoding lacks, instead of failing."""
    codecs.register_error(_ERRORS, _spelled_error)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=_ERRORS)


def shown(text: str, encoding: str | None = None) -> str:
    """The text as it is shown, for what is laid out before it is printed.

    Args:
        text: Any text.
        encoding: Default: that of standard output.
    """
    codecs.register_error(_ERRORS, _spelled_error)
    encoding = encoding or getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, _ERRORS).decode(encoding)


def _spelled_error(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelled, error.object[error.start : error.end])), error.end


def _spelled(character: str) -> str:
    """A character in ASCII.

    >>> "".join(map(_spelled, "α → 0.5 … Ω é 猫"))
    'alpha -> 0.5 ... Omega e ?'
    """
    if character.isascii():
        return character
    if character in _SIGNS:
        return _SIGNS[character]
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        return words[-1].capitalize() if "CAPITAL" in words else words[-1].lower()
    plain = "".join(each for each in unicodedata.normalize("NFKD", character) if each.isascii())
    return plain or "?"
