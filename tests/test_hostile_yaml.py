"""Hostile YAML: every reader refuses it with a one-line error, runs nothing, and uses little memory."""

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.cli.experiment import assign
from erpo_explore.config.experiment import load_experiment
from erpo_explore.config.path_file import load_path
from erpo_explore.errors import ConfigError, ErpoExploreError
from erpo_explore.launch import load_cluster_file
from erpo_explore.launch.local_copy import check_same_exploration
from erpo_explore.plain_yaml import load_yaml
from erpo_explore.plan.baselines import read_against
from erpo_explore.store import load_manifest

LEVELS = "abcdefghij"
LAUGHS = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"{outer}: &{outer} [{', '.join([f'*{inner}'] * 9)}]\n" for inner, outer in pairwise(LEVELS)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{outer}: &{outer} {{<<: [{', '.join([f'*{inner}'] * 9)}]}}\n" for inner, outer in pairwise(LEVELS)
)
HOSTILE = {
    "calls a function": "!!python/object/apply:pathlib.Path.touch [pwned]",
    "makes an object": "a: !!python/object:os.stat_result {}",
    "imports a module": "a: !!python/module:antigravity",
    "names a function": "a: !!python/name:os.system",
    "a billion laughs": LAUGHS,
    "a billion laughs where a name belongs": LAUGHS + "name: *j\nexploration: *j\ncluster_name: *j\n",
    "merged a billion times": MERGES,
    "holds itself": "&a [*a]",
    "ten thousand deep": "[" * 10_000,
    "a date that cannot be": "a: 2024-13-45",
    "a character of no text": "a: \x00",
    "two documents": "a: 1\n---\na: 2",
}


def read_manifest(file: Path) -> Any:
    return load_manifest(file.rename(file.with_name("exploration.yaml")).parent)


READERS: dict[str, Callable[[Path], Any]] = {
    "an experiment": load_experiment,
    "a path": load_path,
    "exploration.yaml": read_manifest,
    "a cluster file": load_cluster_file,
    "--set": lambda file: assign({}, f"name={file.read_text()}"),
    "--against": lambda file: read_against(file.read_text()),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_with_a_one_line_error(
    reader: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "hostile.yaml"
    file.write_text(text)
    with pytest.raises(ErpoExploreError) as refused:
        READERS[reader](file)
    if not reader.startswith("--"):  # those repeat what the user typed
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 1000
    assert not (tmp_path / "pwned").exists()
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_folder_with_such_a_manifest_is_not_overwritten(text: str, tmp_path: Path) -> None:
    local = tmp_path / "local"
    local.mkdir()
    (local / "exploration.yaml").write_text(text)
    (tmp_path / "fetched.yaml").write_text("{exploration: x, seed: 1, started_at: now}")
    with pytest.raises(ErpoExploreError, match="nothing is overwritten"):
        check_same_exploration(local, tmp_path / "fetched.yaml")


def test_a_safe_loader_alone_is_not_enough() -> None:
    loaded = yaml.safe_load("".join(LAUGHS.splitlines(keepends=True)[:5]))
    assert len(repr(loaded)) > 100_000


def test_ordinary_aliases_are_read() -> None:
    assert load_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: [*a, *a]") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_values_come_back_as_safe_load_reads_them(value: Any) -> None:
    text = yaml.safe_dump(value)
    assert load_yaml(text) == yaml.safe_load(text)


@given(st.text(max_size=40))
def test_any_text_is_a_value_or_one_error(text: str) -> None:
    try:
        read: Any = load_yaml(text)
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert read == yaml.safe_load(text) or read != read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: no", "YAML reads no as false; write 'no' in quotes for the word, or false"),
        ("source: On", "YAML reads On as true; write 'On' in quotes for the word, or true"),
        ("no: 1", "YAML reads no as false"),
        ("seed: 010", "YAML reads 010 as the octal number 8; write 10 for the number, or '010' in quotes"),
        ("a: -010", "YAML reads -010 as the octal number -8; write -10 for the number"),
        ("time: 1:30", "YAML reads 1:30 as a number to base 60; write '1:30' in quotes"),
        ("name: 2024-01-02", "YAML reads 2024-01-02 as a date; write '2024-01-02' in quotes"),
    ],
)
def test_a_value_that_is_not_what_it_looks_like_is_refused_with_the_remedy(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_yaml(text)
    assert expected in str(refused.value)
    with pytest.raises(ConfigError, match=r"^line 3: YAML reads"):
        load_yaml(f"a: 1\nb:\n  {text}\nc: 2\n")


@pytest.mark.parametrize("text", ["'no'", "true", "FALSE", "0", "00", "0.1", "0x10", "1_000", "~", "1e-3", "'010'"])
def test_a_value_that_is_what_it_looks_like_is_read(text: str) -> None:
    assert load_yaml(f"a: {text}") == yaml.safe_load(f"a: {text}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seed: 3\nname: x\nseed: 3\n", "lines 1 and 3: seed is given twice"),
        ("training:\n  steps: 1\n  steps: 2\n", "lines 2 and 3: steps is given twice"),
        ("training: {steps: 1}\nname: x\n'training': {interval: 1}\n", "lines 1 and 3: training is given twice"),
        ("name: x\na: {b: 1, b: 2}\n", "line 2: b is given twice"),
        ("{a: 1, a: 2}", "a is given twice"),
    ],
)
def test_a_key_that_is_given_twice_is_refused_with_both_lines(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_yaml(text)
    assert str(refused.value).startswith(expected)


def test_a_key_beside_a_merged_one_replaces_it() -> None:
    assert load_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}")["b"] == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\t- 1", "line 2: is no valid YAML: a tab stands where only spaces may"),
        ("a: b: c", "is no valid YAML: a value has a colon"),
        ("a: [1, 2", "is no valid YAML: a bracket is not closed"),
        ("a: 'b", "is no valid YAML: a quote is not closed"),
        ("a: @b", "put the value in quotes"),
        ("a: *b", "put the value in quotes"),
        ("a: 1\nb\nc: 2", "a field has no colon"),
        ("- a\nb: 1", "line 2: is no valid YAML: this line does not continue"),
        ("a: 1\n---\na: 2", "line 2: is no valid YAML: a second document begins here"),
    ],
)
def test_what_is_no_yaml_is_explained_in_plain_words(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_yaml(text)
    assert expected in str(refused.value)


@pytest.mark.parametrize("text", ["\ufeffa: 1\nb: 2\n", "a: 1\r\nb: 2\r\n", "a: 1\rb: 2"])
def test_marks_and_line_ends_of_other_editors_are_read(text: str) -> None:
    assert load_yaml(text) == {"a": 1, "b": 2}
