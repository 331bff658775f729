"""`--output`: standard output, or a file that appears once it is whole."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from uuid import uuid4

from erpo_explore.errors import ConfigError

__all__ = ["check_output", "written_file"]


def check_output(file: FilePath | None) -> None:
    """Check that a file can be written there.

    Raises:
        ConfigError: Its folder does not exist, or it is a folder itself.
    """
    if file is not None and not file.absolute().parent.is_dir():
        raise ConfigError(f"--output {file}: its folder does not exist; make it first")
    if file is not None and file.is_dir():
        raise ConfigError(f"--output {file}: is a folder; name a file in it")


@contextmanager
def written_file(file: FilePath | None) -> Iterator[Callable[[str], object]]:
    """Writes text to standard output, or to a file that appears once it is whole.

    A symbolic link stays one, and what is no regular file, such as a named pipe or /dev/null, is written as it is.

    Raises:
        ConfigError: The file cannot be written.
    """
    if file is None:

        def write(text: str) -> None:
            sys.stdout.buffer.write(text.encode())
            sys.stdout.buffer.flush()

        yield write
        return
    target = file.resolve()
    aside = target.with_name(f".{target.name}.{uuid4().hex}.tmp")
    is_special = target.exists() and not target.is_file()
    try:
        with target.open("wb") if is_special else aside.open("xb") as stream:
            yield lambda text: stream.write(text.encode())
        if not is_special:
            aside.replace(target)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(
            f"--output {file}: cannot be written ({error.strerror}); look at its permissions and the free space there"
        ) from error
    finally:
        aside.unlink(missing_ok=True)
