"""The locked requirements cover what pyproject.toml asks for, and every file that pip takes has a hash."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def entries(*names: str) -> list[tuple[Requirement, int]]:
    """Pinned requirements of some files, each with its number of hashes."""
    text = "".join((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in names)
    joined = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (Requirement(line.split(" --hash=")[0]), len(re.findall(r" --hash=sha256:[0-9a-f]{64}\b", line)))
        for line in joined.splitlines()
    ]


def asked(extra: str | None = None) -> list[Requirement]:
    """What the project needs, or one of its extras with those that it names."""
    project = PROJECT["project"]
    found: list[Requirement] = []
    for text in project["dependencies"] if extra is None else project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            found += [inner for name in requirement.extras for inner in asked(name)]
        else:
            found.append(requirement)
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_entry_is_one_release_with_hashes(lock: Path) -> None:
    loose = [
        str(pin) for pin, hashes in entries(lock.stem) if hashes == 0 or {s.operator for s in pin.specifier} != {"=="}
    ]
    assert loose == []


@pytest.mark.parametrize(
    ("needed", "files"),
    [
        (asked(), ["run", "torch", "build"]),
        (asked("dev"), ["run", "torch", "build", "test"]),
        (asked("cluster"), ["run", "torch", "build", "test", "cluster"]),
        ([Requirement(text) for text in PROJECT["build-system"]["requires"]], ["build"]),
    ],
    ids=["run", "dev", "cluster", "build"],
)
def test_a_lock_has_what_is_asked_for(needed: list[Requirement], files: list[str]) -> None:
    pinned: dict[str, list[str]] = {}
    for pin, _ in entries(*files):
        pinned.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    missing = [
        str(requirement)
        for requirement in needed
        if not any(map(requirement.specifier.contains, pinned.get(canonicalize_name(requirement.name), [])))
    ]
    assert missing == [], "run `make lock`"


def test_constraints_are_the_pins_of_the_locks() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = entries("build", "run", "torch", "test", "cluster")
    assert {str(Requirement(line)) for line in constraints if not line.startswith("#")} == {
        str(pin) for pin, _ in pinned
    }


def test_both_builds_of_torch_are_of_one_release() -> None:
    (cpu,) = [pin for pin, _ in entries("torch-cpu")]
    (default,) = [pin for pin, _ in entries("torch") if pin.name == "torch"]
    assert str(cpu.specifier) == f"{default.specifier}+cpu"


def test_no_file_names_where_packages_come_from() -> None:
    assert [lock.name for lock in LOCKS if "://" in lock.read_text(encoding="utf-8")] == []
