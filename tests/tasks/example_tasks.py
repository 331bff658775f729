"""A small config of every task, with its data in a temporary folder."""

from pathlib import Path

import datasets

from erpo_explore.tasks import DocstringsConfig, FilesConfig, HubConfig, PronunciationsConfig, TaskConfig, ToyConfig

GERMAN = ("ein haus steht dort .", "zwei hunde laufen .", "ein hund schläft .", "das haus ist groß .")
ENGLISH = ("a house stands there .", "two dogs run .", "a dog sleeps .", "the house is big .")


def write_files(folder: Path, *, source: str = "de", target: str = "en", splits: str = "train valid test") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split in splits.split():
        (folder / f"{split}.{source}").write_text("\n".join(GERMAN) + "\n", encoding="utf-8")
        (folder / f"{split}.{target}").write_text("\n".join(ENGLISH) + "\n", encoding="utf-8")
    return folder


def write_modules(folder: Path, num_files: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(num_files):
        code = (
            f"def area_{number}(width):\n"
            f'    """Compute area number {number} of a wide field.\n\n'
            f"    The field has number {number} and is measured in metres, from the river to the road.\n\n"
            '    Args:\n        width: In metres.\n    """\n'
        )
        (folder / f"module_{number:02d}.py").write_text(code, encoding="utf-8")
    return folder


def translations() -> datasets.DatasetDict:
    rows = [{"translation": {"de": de, "en": en}} for de, en in zip(GERMAN, ENGLISH, strict=True)]
    return datasets.DatasetDict({name: datasets.Dataset.from_list(rows) for name in ("train", "validation", "test")})


def example(name: str, folder: Path) -> TaskConfig:
    match name:
        case "toy":
            return ToyConfig(train_pairs=60, validation_pairs=10, test_pairs=10)
        case "pronunciations":
            return PronunciationsConfig(train_limit=200)
        case "docstrings":
            return DocstringsConfig(roots=(write_modules(folder / "modules"),))
        case "files":
            return FilesConfig(data=write_files(folder / "pairs"))
        case _:
            if not (folder / "saved").exists():
                translations().save_to_disk(str(folder / "saved"))
            return HubConfig(dataset=str(folder / "saved"), source="translation.de", target="translation.en")
