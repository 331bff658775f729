"""Several explorations in one folder, and folders that are URIs."""

from uuid import uuid4

import pandas as pd
import pytest

from erpo_explore import best_path
from erpo_explore.errors import ResultsError
from erpo_explore.report import write_report
from erpo_explore.space import Path, Point, Reward
from erpo_explore.store import TABLES, ResultsWriter, load_manifest, load_results
from erpo_explore.store.files import Folder, as_location, join

from .example_rows import MANIFEST, OBSERVATION, ROWS, TRIAL

WALKED = Path.constant(Point(reward=Reward(truth=1.0)))


@pytest.fixture(params=["path", "memory", "s3"])
def location(request, tmp_path):
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/results"
    return tmp_path if request.param == "path" else f"memory://{uuid4().hex}"


@pytest.fixture
def results(location):
    """Two runs of one space, and what is no exploration beside them."""
    for name, score in (("b", 20.0), ("a", 10.0)):
        writer = ResultsWriter.create(join(location, name), MANIFEST)
        rows = [OBSERVATION | {"iteration": iteration, "score": score + iteration} for iteration in (1, 2)]
        writer.append("observations", rows)
        writer.append("trials", [TRIAL])
    Folder.at(join(location, "notes")).make()
    Folder.at(location).write("notes.txt", b"mine")
    return location


def test_explorations_in_one_folder_are_one_frame_with_the_folders_as_names(results):
    frame = load_results(results)
    keys = frame[["exploration", "trial", "iteration"]]
    assert keys.to_numpy().tolist() == [["a", "t1", 1], ["a", "t1", 2], ["b", "t1", 1], ["b", "t1", 2]]
    assert frame["score"].tolist() == [11.0, 12.0, 21.0, 22.0]
    alone = load_results(join(results, "b"))
    pd.testing.assert_frame_equal(
        frame[frame["exploration"] == "b"].drop(columns="exploration").reset_index(drop=True),
        alone.drop(columns="exploration"),
    )


def test_columns_trials_and_filters_apply_to_all_explorations(results):
    frame = load_results(results, columns=["score", "exploration"], trials=["t1"], filters=[("score", ">", 11.5)])
    assert frame.to_numpy().tolist() == [[12.0, "a"], [21.0, "b"], [22.0, "b"]]
    assert load_results(results, "trials")["exploration"].tolist() == ["a", "b"]
    assert load_results(results, columns=["score"])["score"].tolist() == [11.0, 12.0, 21.0, 22.0]


def test_a_manifest_is_that_of_one_exploration(results):
    assert load_manifest(join(results, "a")) == MANIFEST
    with pytest.raises(ResultsError, match=r"holds no exploration\.yaml"):
        load_manifest(results)


def test_a_folder_without_an_exploration_in_it_is_refused(results):
    with pytest.raises(ResultsError, match=r"notes holds no exploration\.yaml|notes does not exist"):
        load_results(join(results, "notes"))


def test_every_table_is_written_resumed_and_compacted_on_any_file_system(location):
    writer = ResultsWriter.create(join(location, "tiny"), MANIFEST)
    for table, row in ROWS.items():
        writer.append(table, [row])
        writer.append(table, [row | {"trial": trial} for trial in ("t2", "t3")])
    before = {table: load_results(writer.folder, table) for table in TABLES}
    resumed = ResultsWriter.open(writer.folder)
    resumed.note({"trunk": []})
    resumed.append("observations", [ROWS["observations"] | {"trial": "t2"}])
    assert resumed.compact() > 0
    for table, frame in before.items():
        assert len(frame) == 3
        pd.testing.assert_frame_equal(load_results(writer.folder, table), frame)
    assert load_manifest(writer.folder) == MANIFEST | {"trunk": []}
    with pytest.raises(ResultsError, match="holds an exploration already"):
        ResultsWriter.create(writer.folder, MANIFEST)


def test_best_path_and_report_work_on_any_file_system(results):
    folder = join(results, "c")
    writer = ResultsWriter.create(folder, MANIFEST)
    writer.append("observations", [OBSERVATION | {"path": '{"knots": [{"at": 0, "point": {"reward": {"truth": 1}}}]}'}])
    assert best_path(folder) == WALKED
    page = write_report(folder)
    assert page == join(as_location(str(folder)), "report.html")
    assert Folder.at(folder).read("report.html").startswith(b"<!doctype html>")


def test_plain_pandas_reads_an_s3_folder(bucket):
    writer = ResultsWriter.create(f"{bucket}/tiny", MANIFEST)
    writer.append("observations", [OBSERVATION | {"trial": trial} for trial in ("a", "b")])
    writer.append("observations", [OBSERVATION | {"trial": "c"}])
    folder = Folder.at(f"{bucket}/tiny/observations")
    plain = pd.read_parquet(folder.path, filesystem=folder.filesystem)
    pd.testing.assert_frame_equal(plain, load_results(writer.folder))
