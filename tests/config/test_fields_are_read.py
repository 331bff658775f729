"""What is accepted has an effect: each field of the YAML is read by code outside of its own section."""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

import erpo_explore
from erpo_explore.config.experiment import Experiment
from erpo_explore.config.tracking import Tracking

PACKAGE = Path(erpo_explore.__file__).parent
TRACKERS = PACKAGE / "tune" / "callbacks" / "trackers"


def sections(kind: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """All sections of the YAML; importing `Experiment` has imported them."""
    for section in kind.__subclasses__():
        if section.__module__.startswith("erpo_explore."):
            yield section
        yield from sections(section)


FIELDS = sorted({(section, name) for section in sections() for name in section.model_fields}, key=str)


@cache
def read_in(file: Path) -> frozenset[str]:
    """Attributes that a module reads."""
    read: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            read.add(node.attr)
        elif isinstance(node, ast.MatchClass):
            read.update(node.kwd_attrs)
    return frozenset(read)


def test_there_are_fields() -> None:
    assert len(FIELDS) > 50
    assert (Experiment, "num_seeds") in FIELDS


@pytest.mark.parametrize(("section", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_each_field_is_read_outside_of_its_section(section: type[BaseModel], name: str) -> None:
    if section is Tracking:  # read by the names of the trackers
        assert f'"{name}"' in (TRACKERS / f"{name}.py").read_text(encoding="utf-8")
        return
    own = Path(inspect.getfile(section))
    assert any(name in read_in(file) for file in PACKAGE.rglob("*.py") if file != own), f"nothing reads {name}"
