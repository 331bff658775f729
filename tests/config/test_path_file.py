import pytest
from hypothesis import given

from erpo_explore.config.path_file import load_path, save_path
from erpo_explore.errors import ConfigError
from tests.space.strategies import paths


@given(path=paths())
def test_a_saved_path_is_loaded(tmp_path_factory, path):
    file = tmp_path_factory.getbasetemp() / "path.yaml"
    save_path(path, file)
    assert load_path(file) == path


@given(path=paths())
def test_saving_leaves_no_other_file(tmp_path_factory, path):
    folder = tmp_path_factory.getbasetemp() / "alone"
    folder.mkdir(exist_ok=True)
    save_path(path, folder / "path.yaml")
    assert [file.name for file in folder.iterdir()] == ["path.yaml"]


@pytest.mark.usefixtures("as_users_run")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text; name a path's YAML file"),
        (b"knots: [", "is no valid YAML: a bracket is not closed"),
        (b"knots: 2024-13-45", "YAML reads 2024-13-45 as a date"),
        (b"", "is empty; a path must be a mapping with a list of knots"),
        (b"knots: [{at: 0, point: {reward: meteor}}]", "reward must be one of .*, got 'meteor'"),
    ],
)
def test_a_file_without_a_path_is_named(tmp_path, content, message):
    file = tmp_path / "path.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"path\.yaml: {message}"):
        load_path(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"missing\.yaml: does not exist; name a path's YAML file$"):
        load_path(tmp_path / "missing.yaml")
