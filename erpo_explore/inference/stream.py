"""Translation of a stream of lines in bounded memory: windows of lines, batched by length, written in their order.

A line that cannot be translated is reported by its number, and an empty line stands in its place. So line n of the
output always belongs to line n of the input.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from erpo_explore.errors import ConfigError
from erpo_explore.inference.hypothesis import Hypothesis
from erpo_explore.inference.model import BATCH_TOKENS, BEAM_WIDTH, TrainedModel

__all__ = ["Decoding", "Lines", "Translated", "translate_stream"]

_FIRST_WINDOW_LINES: Final = 100
"""Windows grow from here, so that the first translations and the first report of the progress come soon."""

_WINDOW_LINES: Final = 3_200
_WINDOW_CHARACTERS: Final = 4_000_000
_LINE_BYTES: Final = 1_000_000
"""Bytes of a line that are read; no model reads that many tokens."""

_PAUSE_S: Final = 10.0
"""Time between two reports of the progress."""

_MARK: Final = "\ufeff"


@runtime_checkable
class Lines(Protocol):
    """A binary stream of lines, such as a file or standard input."""

    def readline(self, size: int, /) -> bytes:
        """The next line, up to `size` bytes of it; empty at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How lines are translated.

    Attributes:
        beam_width: Hypotheses per line; 1 decodes greedily.
        length_penalty: Exponent of the length penalty; 0 compares sums of log p.
        n_best: Translations per line, written with number of the line and score; None writes the best one alone.
        sample: Whether translations are drawn from the model.
        seed: Seed of the draws.
        temperature: Divides the logits of the draws.
        max_tokens: Tokens at which a translation is cut; None takes that of the model.
        batch_tokens: Source tokens per batch, with padding, times `beam_width`.
    """

    beam_width: int = BEAM_WIDTH
    length_penalty: float = 1.0
    n_best: int | None = None
    sample: bool = False
    seed: int = 0
    temperature: float = 1.0
    max_tokens: int | None = None
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        for name, value in (("beam_width", self.beam_width), ("n_best", self.n_best), ("max_tokens", self.max_tokens)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} must be >= 1, got {value}; leave it out for the default")


@dataclass(frozen=True, slots=True, kw_only=True)
class Translated:
    """What became of the lines.

    Attributes:
        num_lines: Lines of the input.
        num_broken: Lines without a translation, as they are no text.
        num_cut: Lines of which only the beginning was translated.
        elapsed_s: Time for all of them.
    """

    num_lines: int
    num_broken: int
    num_cut: int
    elapsed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line of the input; `problem` says why it is not translated."""

    text: str
    problem: str | None = None
    is_cut: bool = False


def translate_stream(
    model: TrainedModel,
    lines: Lines,
    write: Callable[[str], object],
    decoding: Decoding,
    *,
    report: Callable[[str], object],
    waits: bool = False,
) -> Translated:
    """Translate a stream of UTF-8 lines. Lines end at line feeds alone.

    Args:
        model: The model.
        lines: The stream.
        write: Called with whole lines, in the order of the input.
        decoding: How they are translated.
        report: Called with one line per problem, and with the progress every ten seconds.
        waits: Whether a person types the lines, so that each is translated at once.
    """
    started = reported = time.monotonic()
    done, num_broken, num_cut = 0, 0, 0
    for window in _windows(lines, 1 if waits else _WINDOW_LINES):
        texts = [line.text for line in window]
        cut = {index for index, line in enumerate(window) if line.is_cut} | set(model.cut_lines(texts))
        for index, line in enumerate(window):
            if line.problem is not None:
                num_broken += 1
                report(f"line {done + index + 1}: {line.problem}; left empty")
            elif index in cut:
                num_cut += 1
                report(
                    f"line {done + index + 1}: longer than the {model.max_source_tokens} tokens that the model reads; "
                    "only its beginning is translated"
                )
        write("".join(_formatted(model, texts, decoding, first_line=done)))
        done += len(window)
        if (now := time.monotonic()) - reported > _PAUSE_S:
            reported = now
            rate = done / (now - started)
            report(f"{done:,} lines, {rate:,.0f} lines/s" if rate >= 10 else f"{done:,} lines, {rate:.1f} lines/s")
    return Translated(num_lines=done, num_broken=num_broken, num_cut=num_cut, elapsed_s=time.monotonic() - started)


def _formatted(model: TrainedModel, texts: list[str], decoding: Decoding, *, first_line: int) -> Iterator[str]:
    """The lines of the output for a window."""
    if decoding.sample:
        found = model.sample(
            texts,
            num_samples=decoding.n_best or 1,
            seed=decoding.seed,
            temperature=decoding.temperature,
            max_tokens=decoding.max_tokens,
            batch_tokens=decoding.batch_tokens,
            first_line=first_line,
        )
    elif decoding.n_best is None:
        translations = model.translate(
            texts,
            beam_width=decoding.beam_width,
            length_penalty=decoding.length_penalty,
            max_tokens=decoding.max_tokens,
            batch_tokens=decoding.batch_tokens,
        )
        yield from (f"{translation}\n" for translation in translations)
        return
    else:
        found = model.hypotheses(
            texts,
            num_best=decoding.n_best,
            beam_width=decoding.beam_width,
            length_penalty=decoding.length_penalty,
            max_tokens=decoding.max_tokens,
            batch_tokens=decoding.batch_tokens,
        )
    for number, hypotheses in enumerate(found, start=first_line + 1):
        if decoding.n_best is None:
            yield f"{hypotheses[0].text if hypotheses else ''}\n"
        else:
            yield from _rows(number, hypotheses)


def _rows(number: int, hypotheses: list[Hypothesis]) -> Iterator[str]:
    """Number of the line, score and text, separated by tabs; a line without a translation has neither."""
    if not hypotheses:
        yield f"{number}\t\t\n"
    for hypothesis in hypotheses:
        yield f"{number}\t{hypothesis.score:.6f}\t{hypothesis.text}\n"


def _windows(lines: Lines, most: int) -> Iterator[list[_Line]]:
    """Lines in groups that fit into memory; each has twice the lines of the one before, at most `most`."""
    window: list[_Line] = []
    num_characters, size = 0, min(_FIRST_WINDOW_LINES, most)
    for line in _read(lines):
        window.append(line)
        num_characters += len(line.text)
        if len(window) >= size or num_characters >= _WINDOW_CHARACTERS:
            yield window
            window, num_characters, size = [], 0, min(2 * size, most)
    if window:
        yield window


def _read(lines: Lines) -> Iterator[_Line]:
    """The lines of a stream, without line ends and a byte order mark."""
    is_first = True
    while line := lines.readline(_LINE_BYTES):
        is_whole = line.endswith(b"\n") or len(line) < _LINE_BYTES
        rest = line
        while not is_whole and rest and not rest.endswith(b"\n"):
            rest = lines.readline(_LINE_BYTES)
        parsed = _parse(line if is_whole else _up_to_a_character(line), is_cut=not is_whole)
        if is_first and parsed.text.startswith(_MARK):
            parsed = _Line(text=parsed.text[1:], problem=parsed.problem, is_cut=parsed.is_cut)
            if not parsed.text and not line.endswith(b"\n"):  # the mark is all there is
                return
        is_first = False
        yield parsed


def _parse(line: bytes, *, is_cut: bool) -> _Line:
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        return _Line(text="", problem=f"byte 0x{line[error.start]:02x} at position {error.start + 1} is not UTF-8")
    if "\x00" in text:
        return _Line(text="", problem="has a NUL byte")
    return _Line(text=text, is_cut=is_cut)


def _up_to_a_character(line: bytes) -> bytes:
    """The line without the bytes of a character that was cut at its end."""
    for length in range(1, 5):
        if line[-length] & 0xC0 != 0x80:  # the first byte of the last character
            return line[:-length]
    return line
