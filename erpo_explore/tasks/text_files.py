"""Parallel text files: `train.de` and `train.en`, likewise `valid` and optionally `test`, one sentence per line.

Reading is strict on purpose. In a file that is one line short, every later sentence would be paired with a wrong one,
and the scores would only look poor. Each error names file and line.
"""

from pathlib import Path
from typing import Final

from erpo_explore.errors import DataError
from erpo_explore.tasks.config import FilesConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.held_out import hold_out
from erpo_explore.tasks.reader import TaskReader

__all__ = ["FILES", "files_by_name", "files_corpus", "files_metric", "files_suffixes"]

_TARGET_SUFFIXES: Final = ("en", "title", "summary", "tgt", "trg", "target", "phones")
_SUMMARY_SUFFIXES: Final = ("title", "summary")
_SPLITS: Final = ("train", "valid", "test")


def files_corpus(config: FilesConfig) -> Corpus:
    """Read the folder.

    Args:
        config: Folder, and suffixes where they are given.

    Raises:
        DataError: A folder or file is missing, empty or no UTF-8. Or it has an empty line, or another number of lines
            than its partner.
    """
    source, target = files_suffixes(config)
    has_test, has_validation = (
        any(_file(config, split, suffix).exists() for suffix in (source, target)) for split in ("test", "valid")
    )
    train = _read_pairs(config, "train", source, target)
    if config.validation_pairs is not None and not has_validation:
        train, validation = hold_out(train, config.validation_pairs)
    else:
        validation = _read_pairs(config, "valid", source, target)
    return Corpus(
        train=train,
        validation=validation,
        test=_read_pairs(config, "test", source, target) if has_test else (),
    )


def files_suffixes(config: FilesConfig) -> tuple[str, str]:
    """Suffixes of source and target files.

    Suffixes that the config does not give are found: there must be exactly two files `train.*`. The target is
    the one whose suffix is `en`, `title` or `summary`; exactly one of the two must have such a suffix.

    Raises:
        DataError: The folder is missing, or the suffixes are ambiguous.
    """
    if not config.data.is_dir():
        raise DataError(f"{config.data}: no such folder; give one with train.SRC, train.TGT, valid.SRC and valid.TGT")
    if config.source is not None and config.target is not None:
        if config.source == config.target:
            raise DataError(
                f"{config.data}: source and target must differ, both are {config.source}; name two suffixes"
            )
        return config.source, config.target
    found = sorted(file.name.removeprefix("train.") for file in config.data.glob("train.*") if file.is_file())
    if len(found) != 2:
        names = ", ".join(f"train.{suffix}" for suffix in found) or "none"
        raise DataError(f"{config.data}: must have exactly two files train.*, found {names}; give source and target")
    return _assign(config, found)


def _assign(config: FilesConfig, found: list[str]) -> tuple[str, str]:
    """Choose source and target among two suffixes."""
    for given in (config.source, config.target):
        if given is not None and given not in found:
            raise DataError(
                f"{config.data / f'train.{given}'}: no such file, found train.{found[0]} and train.{found[1]}"
            )
    if config.source is not None:
        target = found[1 - found.index(config.source)]
    elif config.target is not None:
        target = config.target
    else:
        targets = [suffix for suffix in found if suffix in _TARGET_SUFFIXES]
        if len(targets) != 1:
            raise DataError(
                f"{config.data}: cannot tell which of train.{found[0]} and train.{found[1]} is the target; "
                "give source and target"
            )
        target = targets[0]
    return found[1 - found.index(target)], target


def files_by_name(config: FilesConfig) -> dict[str, Path]:
    """The files that hold the text, by name, sorted.

    Raises:
        DataError: The folder is missing, or the suffixes are ambiguous.
    """
    suffixes = files_suffixes(config)
    found = sorted(file for file in config.data.iterdir() if file.is_file())
    return {file.name: file for file in found if _names_split(file.name, suffixes)}


def _names_split(name: str, suffixes: tuple[str, str]) -> bool:
    """Whether a file holds one side of a split, perhaps compressed, such as `train.de.gz`."""
    split, _, rest = name.partition(".")
    return split in _SPLITS and any(f"{rest}.".startswith(f"{suffix}.") for suffix in suffixes)


def files_metric(config: FilesConfig) -> str:
    """Metric of the config. Default: rouge where the target suffix is that of summaries, otherwise bleu.

    Raises:
        DataError: As `files_suffixes`.
    """
    if config.metric is not None:
        return config.metric
    return "rouge" if files_suffixes(config)[1] in _SUMMARY_SUFFIXES else "bleu"


def _file(config: FilesConfig, split: str, suffix: str) -> Path:
    return config.data / f"{split}.{suffix}"


def _read_pairs(config: FilesConfig, split: str, source: str, target: str) -> tuple[Pair, ...]:
    source_file, target_file = _file(config, split, source), _file(config, split, target)
    sources, targets = _read_lines(source_file), _read_lines(target_file)
    if len(sources) != len(targets):
        raise DataError(
            f"{source_file} has {len(sources)} lines but {target_file} has {len(targets)}; "
            "line n of one must be the translation or summary of line n of the other"
        )
    return tuple(zip(sources, targets, strict=True))


def _read_lines(file: Path) -> list[str]:
    """Lines of a text file, none of them empty.

    Split at line feeds alone: `str.splitlines` also splits at U+2028, form feeds and others that occur in sentences.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise DataError(
            f"{file}: no such file; train and valid must each have a source and a target file, "
            "or set task.validation_pairs to validate on train pairs"
        ) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); make it a readable file") from error
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        number = 1 + content.count(b"\n", 0, error.start)
        byte = content[error.start]
        raise DataError(f"{file}:{number}: byte 0x{byte:02x} is not UTF-8; convert the file to UTF-8") from error
    if not text:
        raise DataError(f"{file}: is empty; give it one sentence per line")
    lines = [line.rstrip("\r") for line in text.removesuffix("\n").split("\n")]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise DataError(f"{file}:{number}: line is empty; remove it here and in its partner file, or fill it")
    return lines


FILES: Final = TaskReader(
    read=files_corpus,
    name=lambda config: str(config.data.resolve().name),
    metric=files_metric,
    files=files_by_name,
)
"""The task `files`; results name the folder."""
