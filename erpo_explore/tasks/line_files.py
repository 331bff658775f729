"""Files of text, one entry per line, perhaps compressed with gzip.

Reading is strict: each error names file and line.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from erpo_explore.errors import DataError

__all__ = ["is_compressed", "read_lines", "read_translations"]


def is_compressed(file: Path) -> bool:
    """Whether the name of a file is that of a gzip file."""
    return file.suffix == ".gz"


def read_lines(file: Path, limit: int | None = None) -> list[str]:
    """Lines of a UTF-8 file, none of them empty.

    Lines end at line feeds alone, since U+2028, form feeds and others occur in sentences. A carriage return before the
    line feed and a byte order mark are removed.

    Args:
        file: The file; a name that ends in `.gz` is that of a gzip file.
        limit: Number of lines to read. Default: all.

    Raises:
        DataError: The file is missing, empty, no UTF-8 or no gzip file, or has an empty line.
    """
    try:
        with gzip.open(file) if is_compressed(file) else file.open("rb") as opened:
            lines = list(islice(_lines(file, opened), limit))
    except FileNotFoundError as error:
        raise DataError(
            f"{file}: no such file; train and valid must each have a source and a target file, "
            "or set task.validation_pairs to validate on train pairs"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{file}: is no complete gzip file ({error}); compress it again, or rename it") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); make it a readable file") from error
    if not lines:
        raise DataError(f"{file}: is empty; give it one sentence per line")
    return lines


def read_translations(file: Path) -> list[str]:
    """Lines of a UTF-8 file of translations, which may be empty.

    Raises:
        DataError: The file cannot be read, or is no UTF-8.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start + 1} is not UTF-8; convert the file to UTF-8") from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); make it a readable file") from error
    lines = [line.rstrip("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _lines(file: Path, opened: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(opened, start=1):
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            raise DataError(f"{file}:{number}: byte 0x{byte:02x} is not UTF-8; convert the file to UTF-8") from error
        if number == 1 and text[:1] == "\ufeff":
            text = text[1:]
            if not text and not line.endswith(b"\n"):  # the mark is all there is
                return
        if not text.strip():
            raise DataError(f"{file}:{number}: line is empty; remove it here and in its partner file, or fill it")
        yield text
