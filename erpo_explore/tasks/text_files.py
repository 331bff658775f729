"""Text in files: `train.de` and `train.en`, likewise `valid` and optionally `test`, one sentence per line.

A split may also be one file with both sides: `train.jsonl`, `train.tsv` or `train.parquet`. Files of text may be
compressed, as `train.de.gz`. The name of a file decides how it is read.

Reading is strict on purpose. In a file that is one line short, every later sentence would be paired with a wrong one,
and the scores would only look poor. Each error names file and line. Neither torch nor Ray is imported.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from erpo_explore.errors import DataError
from erpo_explore.tasks.config import FilesConfig
from erpo_explore.tasks.corpus import Corpus, Pair
from erpo_explore.tasks.held_out import hold_out
from erpo_explore.tasks.line_files import is_compressed, read_lines
from erpo_explore.tasks.metric import WrittenMetric
from erpo_explore.tasks.reader import TaskReader
from erpo_explore.tasks.table_files import NAMED, TABLES, is_table, read_table, text_fields

__all__ = ["FILES", "files_by_name", "files_corpus", "files_metric", "files_suffixes", "read_split", "read_unsplit"]

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
    corpus = read_unsplit(config)
    if corpus.validation:
        return corpus
    if config.validation_pairs is None:
        return replace(corpus, validation=_read_pairs(config, "valid", source, target))
    train, validation = hold_out(corpus.train, config.validation_pairs)
    return replace(corpus, train=train, validation=validation)


def read_unsplit(config: FilesConfig) -> Corpus:
    """Read the folder as it is: without files `valid.*`, the validation split is empty.

    Raises:
        DataError: As `files_corpus`.
    """
    source, target = files_suffixes(config)
    train, validation, test = (
        _read_pairs(config, split, source, target)
        if split == "train" or any(_file(config, split, suffix).exists() for suffix in (source, target))
        else ()
        for split in ("train", "valid", "test")
    )
    return Corpus(train=train, validation=validation, test=test)


def read_split(folder: Path, split: str, source: str | None, target: str | None) -> tuple[Pair, ...]:
    """Read one split of a folder that may hold this split alone.

    Args:
        folder: Folder of the files.
        split: `test` or `valid`.
        source: Suffix of the sources. Default: the other one of two.
        target: Suffix of the references. Default: the one that is named `en`, `title`, `summary` or alike.

    Raises:
        DataError: A file is missing or cannot be read, or its suffix is ambiguous.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; name one with {split}.SOURCE and {split}.TARGET")
    if source is None or target is None:
        found = sorted({file.name.removeprefix(f"{split}.").removesuffix(".gz") for file in folder.glob(f"{split}.*")})
        others = [suffix for suffix in found if suffix not in (source, target)]
        targets = [suffix for suffix in others if suffix in _TARGET_SUFFIXES]
        if target is None and len(targets) == 1 and len(others) <= 2:
            target = targets[0]
            others.remove(target)
        if len(others) == 1:
            source, target = source or others[0], target or others[0]
    if source is None or target is None or source == target:
        raise DataError(f"{folder}: cannot tell the sources of {split} from the references; give source and target")
    try:
        return _read_pairs(FilesConfig(data=folder, source=source, target=target), split, source, target)
    except DataError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise DataError(
            f"{folder}: must hold {split}.{source} and {split}.{target}; name another folder, or other suffixes as "
            "source and target"
        ) from error


def files_suffixes(config: FilesConfig) -> tuple[str, str]:
    """Suffixes of source and target files, or names of the two fields where a split is one file.

    What the config does not give is found: there must be exactly two files `train.*`, or one with fields `source` and
    `target`, or with exactly two fields of text. The target is the one that is named `en`, `title`, `summary` or alike;
    exactly one of the two must have such a name.

    Raises:
        DataError: The folder is missing, or the suffixes or fields are ambiguous.
    """
    if not config.data.is_dir():
        raise DataError(f"{config.data}: no such folder; give one with train.SRC, train.TGT, valid.SRC and valid.TGT")
    if config.source is not None and config.target is not None:
        if config.source == config.target:
            raise DataError(
                f"{config.data}: source and target must differ, both are {config.source}; name two suffixes"
            )
        has_texts = any(_text_file(config, "train", suffix) for suffix in (config.source, config.target))
        table = None if has_texts else _table(config, "train")
        return _fields(config, table) if table is not None else (config.source, config.target)
    files = sorted(file for file in config.data.glob("train.*") if file.is_file())
    if len(files) == 1 and is_table(files[0]):
        return _fields(config, files[0])
    found = [_suffix(file) for file in files]
    if len(found) != 2:
        names = ", ".join(file.name for file in files) or "none"
        raise DataError(
            f"{config.data}: must have exactly two files train.*, or one of train.{', train.'.join(TABLES)}, "
            f"found {names}; give source and target"
        )
    return _assign(config, found)


def _suffix(file: Path) -> str:
    """The suffix of a file of text, without `.gz`."""
    name = file.with_suffix("").name if is_compressed(file) else file.name
    return name.partition(".")[2]


def _fields(config: FilesConfig, table: Path) -> tuple[str, str]:
    """Fields of source and target; a given name may leave out the outer field, as `de` for `translation.de`."""
    names = list(text_fields(table, _TARGET_SUFFIXES))
    given = [_full_name(name, names) for name in (config.source, config.target) if name is not None]
    if not given and set(NAMED) <= set(names):
        return NAMED
    for name in given:
        if name not in names:
            raise DataError(
                f"{table}: has no field of text {name}, has {', '.join(names) or 'none'}; name one of these"
            )
    if len(given) == 2:
        return given[0], given[1]
    if len(names) != 2:
        raise DataError(
            f"{table}: must have exactly two fields of text, has {', '.join(names) or 'none'}; give source and target"
        )
    if given:
        other = names[1 - names.index(given[0])]
        return (given[0], other) if config.source is not None else (other, given[0])
    targets = [name for name in names if _last(name) in _TARGET_SUFFIXES]
    if len(targets) != 1:
        raise DataError(f"{table}: cannot tell which of {' and '.join(names)} is the target; give source and target")
    return names[1 - names.index(targets[0])], targets[0]


def _full_name(given: str, names: list[str]) -> str:
    """The only name whose last part is given, or else what is given."""
    alike = [name for name in names if _last(name) == given]
    return alike[0] if given not in names and len(alike) == 1 else given


def _last(name: str) -> str:
    return name.rpartition(".")[2]


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
    files = {_file(config, split, suffix) for split in _SPLITS for suffix in files_suffixes(config)}
    return {file.name: file for file in sorted(files) if file.exists()}


def files_metric(config: FilesConfig) -> WrittenMetric:
    """Metric of the config. Default: rouge where the target suffix is that of summaries, otherwise bleu.

    Raises:
        DataError: As `files_suffixes`.
    """
    if config.metric is not None:
        return config.metric
    return "rouge" if _last(files_suffixes(config)[1]) in _SUMMARY_SUFFIXES else "bleu"


def _file(config: FilesConfig, split: str, suffix: str) -> Path:
    """The file with one side of a split, or with both; where there is none, the one that is expected."""
    found = _text_file(config, split, suffix) or _table(config, split)
    if found is None and (train := _table(config, "train")) is not None and not _text_file(config, "train", suffix):
        return train.with_name(train.name.replace("train.", f"{split}.", 1))
    return found or config.data / f"{split}.{suffix}"


def _text_file(config: FilesConfig, split: str, suffix: str) -> Path | None:
    """The file with one side of a split; None where there is none.

    Raises:
        DataError: There is a compressed one, too.
    """
    plain = config.data / f"{split}.{suffix}"
    found = [file for file in (plain, plain.with_name(f"{plain.name}.gz")) if file.exists()]
    return _only(found)


def _table(config: FilesConfig, split: str) -> Path | None:
    """The file with both sides of a split; None where there is none.

    Raises:
        DataError: There are several.
    """
    return _only(sorted(file for file in config.data.glob(f"{split}.*") if file.is_file() and is_table(file)))


def _only(found: list[Path]) -> Path | None:
    if len(found) > 1:
        raise DataError(f"{found[0]}: must not exist beside {found[1].name}; remove one of them")
    return found[0] if found else None


def _read_pairs(config: FilesConfig, split: str, source: str, target: str) -> tuple[Pair, ...]:
    source_file, target_file = _file(config, split, source), _file(config, split, target)
    if is_table(source_file):
        return read_table(source_file, source, target)
    sources, targets = read_lines(source_file), read_lines(target_file)
    if len(sources) != len(targets):
        raise DataError(
            f"{source_file} has {len(sources)} lines but {target_file} has {len(targets)}; "
            "line n of one must be the translation or summary of line n of the other"
        )
    return tuple(zip(sources, targets, strict=True))


FILES: Final = TaskReader(
    read=files_corpus,
    name=lambda config: str(config.data.resolve().name),
    metric=files_metric,
    files=files_by_name,
)
"""The task `files`; results name the folder."""
