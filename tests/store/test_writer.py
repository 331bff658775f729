import errno
import os

import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.store import ResultsWriter, load_manifest, load_results

from .example_rows import MANIFEST, OBSERVATION, ROWS, SAMPLE


@pytest.fixture
def writer(tmp_path):
    return ResultsWriter.create(tmp_path / "tiny", MANIFEST)


def files_under(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_is_read_back(writer):
    assert load_manifest(writer.folder) == MANIFEST


@pytest.mark.parametrize("table", ROWS)
def test_writing_again_replaces_the_part(writer, table):
    writer.append(table, [ROWS[table]])
    once = files_under(writer.folder)
    writer.append(table, [ROWS[table]])
    assert files_under(writer.folder) == once
    assert len(load_results(writer.folder, table)) == 1


def test_the_samples_of_one_report_share_a_part(writer):
    writer.append("samples", [SAMPLE | {"index": index} for index in range(3)])
    assert [path.name for path in (writer.folder / "samples").iterdir()] == ["trial-t1-000001.parquet"]


def test_a_folder_that_is_not_empty_is_refused_and_unchanged(writer):
    writer.append("observations", [OBSERVATION])
    before = files_under(writer.folder)
    with pytest.raises(ResultsError, match=r"tiny holds an exploration already; continue it with `erpo-explore resume"):
        ResultsWriter.create(writer.folder, MANIFEST | {"seed": 99})
    assert files_under(writer.folder) == before


def test_an_empty_folder_is_accepted(tmp_path):
    assert ResultsWriter.create(tmp_path, MANIFEST).folder == tmp_path


def test_a_file_at_the_folders_location_is_refused(tmp_path):
    (tmp_path / "tiny").write_text("mine")
    with pytest.raises(ResultsError, match="is a file"):
        ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    assert (tmp_path / "tiny").read_text() == "mine"


def test_a_disk_with_too_little_space_is_refused_before_any_write(tmp_path):
    with pytest.raises(ResultsError, match=r"tiny needs 1000000000\.00 GB but its disk has .* GB free"):
        ResultsWriter.create(tmp_path / "tiny", MANIFEST, needed_bytes=10**18)
    assert not (tmp_path / "tiny").exists()


def test_a_manifest_that_yaml_cannot_hold_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="plain values only"):
        ResultsWriter.create(tmp_path / "tiny", {"space": object()})
    assert not (tmp_path / "tiny").exists()


def test_a_resumed_exploration_continues_in_the_same_folder(writer):
    writer.append("observations", [OBSERVATION])
    ResultsWriter.open(writer.folder).append("observations", [OBSERVATION | {"iteration": 2}])
    assert load_results(writer.folder)["iteration"].tolist() == [1, 2]


def test_a_folder_without_an_exploration_cannot_be_resumed(tmp_path):
    with pytest.raises(ResultsError, match=r"holds no exploration\.yaml"):
        ResultsWriter.open(tmp_path)


def test_one_illegal_row_prevents_writing_any(writer):
    with pytest.raises(ValueError, match=r"observations\.score"):
        writer.append("observations", [OBSERVATION, OBSERVATION | {"iteration": 2, "score": float("nan")}])
    assert load_results(writer.folder).empty


def test_a_failing_rename_leaves_only_the_old_part(writer, monkeypatch):
    writer.append("observations", [OBSERVATION])
    before = files_under(writer.folder)

    def no_rename(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", no_rename)
    monkeypatch.setattr("pathlib.Path.replace", no_rename)
    with pytest.raises(ResultsError, match="Input/output error"):
        writer.append("observations", [OBSERVATION | {"score": 99.0}])
    assert files_under(writer.folder) == before


@pytest.mark.tools("mount", "umount")
def test_a_full_disk_is_named_and_leaves_only_whole_parts(small_disk):
    writer = ResultsWriter.create(small_disk / "tiny", MANIFEST)
    noise = os.urandom(20_000).hex()  # does not compress below 20 kB
    with pytest.raises(ResultsError, match=r"No space left on device; free some space .*erpo-explore resume"):
        for iteration in range(100):
            writer.append("observations", [OBSERVATION | {"iteration": iteration, "path": noise}])
    assert 1 <= len(load_results(writer.folder)) < 100  # a torn part would have warned, and warnings are errors
    assert not list(writer.folder.rglob(".part-*"))


def test_a_folder_that_may_not_be_written_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ResultsError, match=r"is read-only for you; choose another folder with --results"):
        ResultsWriter.create(tmp_path / "tiny", MANIFEST)
