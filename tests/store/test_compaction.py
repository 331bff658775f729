import json
import signal
import subprocess
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.store import TABLES, ResultsWriter, compaction, load_results, reader
from erpo_explore.store.files import Folder
from erpo_explore.store.layout import JOURNAL

from .example_rows import DECISION, MANIFEST, OBSERVATION, ROWS, SENTENCES

TRIALS = ("a", "b", "a b/c")
KEYS = [(trial, iteration) for trial in TRIALS for iteration in (1, 2, 10)]


def observation(trial, iteration, **changes):
    return OBSERVATION | {"trial": trial, "iteration": iteration, "score": 10.0 + iteration} | changes


@pytest.fixture
def writer(tmp_path):
    """Parts of one key, and a batch."""
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    for trial, iteration in KEYS[:5]:
        writer.append("observations", [observation(trial, iteration)])
    writer.append("observations", [observation(trial, iteration) for trial, iteration in KEYS[5:]])
    for table in ROWS:
        if table != "observations":
            writer.append(table, [ROWS[table]])
    writer.append("lineage", [DECISION | {"trial": trial, "generation": 2} for trial in TRIALS])
    return writer


def parts(writer, table="observations"):
    return sorted(path.name for path in (writer.folder / table).iterdir())


def frames(writer):
    return {table: load_results(writer.folder, table) for table in TABLES}


def assert_the_same(before, after):
    for table, frame in before.items():
        pd.testing.assert_frame_equal(after[table], frame)


def assert_every_reader_agrees(folder):
    """Plain pandas, DuckDB and Polars see the rows that `load_results` gives."""
    ours = load_results(folder).drop(columns="reported_at")
    files = f"{folder}/observations/*.parquet"
    plain = pd.read_parquet(folder / "observations")
    polars = pl.read_parquet(files).to_pandas()
    duck = duckdb.sql(f"SELECT * FROM '{files}'").df()
    for theirs in (plain, polars, duck):
        given = theirs.sort_values(["trial", "iteration"], ignore_index=True)[ours.columns]
        # each library has null texts and null numbers of its own
        pd.testing.assert_frame_equal(given.astype(ours.dtypes), ours)


def test_every_reader_agrees_before_and_after_compaction(writer):
    assert_every_reader_agrees(writer.folder)
    writer.compact()
    assert parts(writer) == ["rows-000002.parquet"]
    assert_every_reader_agrees(writer.folder)


def test_compaction_leaves_every_table_unchanged(writer):
    before = frames(writer)
    assert writer.compact() == 6 + 2
    assert_the_same(before, frames(writer))
    assert parts(writer, "lineage") == ["rows-000002.parquet"]
    assert parts(writer, "trials") == ["trial-t1.parquet"]
    assert writer.compact() == 0


@pytest.mark.parametrize("table", TABLES)
def test_a_row_of_a_compacted_part_is_replaced_in_place(writer, table):
    rows = {name: [row, row | {"trial": "t2"}] for name, row in ROWS.items()}[table]
    writer.append(table, rows)
    writer.compact()
    before, lying = frames(writer), parts(writer, table)
    resumed = ResultsWriter.open(writer.folder)
    resumed.append(table, rows[:1])
    resumed.append(table, rows)
    assert_the_same(before, frames(writer))
    assert parts(writer, table) == lying


def test_a_replaced_row_of_a_compacted_part_is_read(writer):
    writer.compact()
    writer.append("observations", [observation("a", 2, score=99.0)])
    assert load_results(writer.folder, trials=["a"])["score"].tolist() == [11.0, 99.0, 20.0]
    assert_every_reader_agrees(writer.folder)


def test_samples_of_a_compacted_report_are_replaced_as_a_whole(writer):
    samples = [ROWS["samples"] | {"trial": trial, "index": index} for trial in TRIALS for index in range(3)]
    writer.append("samples", samples)
    writer.append("samples", [samples[0]])
    kept = load_results(writer.folder, "samples", trials=["a", "b"])
    assert kept.groupby("trial").size().to_dict() == {"a": 1, "b": 3}


def test_removed_reports_leave_compacted_parts_and_can_be_written_again(writer):
    writer.compact()
    writer.remove_reports("a")
    assert set(load_results(writer.folder)["trial"]) == {"b", "a b/c"}
    writer.append("observations", [observation("a", 1)])
    assert len(load_results(writer.folder, trials=["a"])) == 1
    for trial in TRIALS:
        writer.remove_reports(trial)
    assert parts(writer) == []


DIES = """
import os, signal, sys
from erpo_explore.store import ResultsWriter
from erpo_explore.store.files import Folder
from erpo_explore.store.layout import JOURNAL

steps = iter(range(int(sys.argv[2])))

def dying(action):
    def act(*args, **kwargs):
        if next(steps, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return action(*args, **kwargs)
    return act

writer = ResultsWriter.open(sys.argv[1])
Folder.write, Folder.delete = dying(Folder.write), dying(Folder.delete)
writer.compact()
"""


@pytest.mark.parametrize("step", [1, 2, 5], ids=["journal written", "merged part written", "small parts half deleted"])
def test_a_process_killed_during_compaction_loses_and_duplicates_nothing(writer, step):
    before = frames(writer)
    killed = subprocess.run([sys.executable, "-c", DIES, str(writer.folder), str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (writer.folder / "observations" / JOURNAL).exists()
    assert_the_same(before, frames(writer))
    assert ResultsWriter.open(writer.folder).compact() == (2 if step == 5 else 8)
    assert_the_same(before, frames(writer))
    assert parts(writer) == ["rows-000002.parquet"]


class Killed(BaseException):
    """Ends the writer as a signal does: nothing of it tidies up."""


@pytest.mark.parametrize("step", range(15))
def test_a_killed_compaction_loses_and_duplicates_nothing(writer, monkeypatch, step):
    """Killed before each of its writes and deletions in turn; the last steps are past its end."""
    before = frames(writer)
    left = iter(range(step))

    def counted(action):
        def act(*args, **kwargs):
            if next(left, None) is None:
                raise Killed
            return action(*args, **kwargs)

        return act

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", counted(Folder.write))
        patch.setattr(Folder, "delete", counted(Folder.delete))
        try:
            compaction.compact_table(Folder.at(writer.folder / "observations"), TABLES["observations"])
        except Killed:
            assert step < 11
    assert_the_same(before, frames(writer))
    resumed = ResultsWriter.open(writer.folder)
    assert_the_same(before, frames(writer))
    assert_every_reader_agrees(writer.folder)
    resumed.append("observations", [observation("a", 11)])
    resumed.compact()
    assert len(load_results(writer.folder)) == len(KEYS) + 1
    assert parts(writer) in (["rows-000002.parquet"], ["rows-000003.parquet"])


def test_a_foreign_journal_is_named_and_nothing_is_deleted(writer):
    (writer.folder / "observations" / ".compacting.json").write_text("[]")
    before = parts(writer)
    with pytest.raises(ResultsError, match=r"\.compacting\.json is not a journal"):
        ResultsWriter.open(writer.folder)
    assert parts(writer) == before


def test_a_part_written_during_compaction_stays_and_takes_precedence(writer, monkeypatch):
    to_parquet = compaction.to_parquet

    def write_again():
        ResultsWriter(writer.folder).append("observations", [observation("a", 1, score=99.0, path="[1, 2, 3]")])

    monkeypatch.setattr(compaction, "to_parquet", lambda *args: (write_again(), to_parquet(*args))[1])
    compaction.compact_table(Folder.at(writer.folder / "observations"), TABLES["observations"])
    assert parts(writer) == ["rows-000002.parquet", "trial-a-000001.parquet"]
    assert load_results(writer.folder)["score"].tolist().count(99.0) == 1
    assert len(load_results(writer.folder)) == len(KEYS)


def test_a_reader_retries_when_parts_are_merged_meanwhile(writer, monkeypatch):
    before = frames(writer)["observations"]
    opened, calls = reader.open_parts, []

    def compact_first(*args):
        if not calls:
            ResultsWriter(writer.folder).compact()
        calls.append(args)
        return opened(*args)

    monkeypatch.setattr(reader, "open_parts", compact_first)
    pd.testing.assert_frame_equal(load_results(writer.folder), before)
    assert len(calls) == 2


def test_damaged_foreign_and_newer_parts_are_left_alone(writer):
    folder = writer.folder / "observations"
    torn, damaged, newer = folder / "trial-a-000001.parquet", folder / "trial-a-000002.parquet", folder / "n.parquet"
    torn.write_bytes(torn.read_bytes()[:-1])
    content = bytearray(damaged.read_bytes())
    content[4:2000] = bytes(1996)
    damaged.write_bytes(content)
    whole = pq.read_table(folder / "trial-a-000010.parquet")
    trial = pa.array(["n"])
    pq.write_table(whole.set_column(1, whole.schema.field("trial"), trial).append_column("new", trial), newer)
    (folder / "notes.txt").write_text("mine")
    kept = {path: path.read_bytes() for path in (torn, damaged, newer, folder / "notes.txt")}
    with pytest.warns(UserWarning, match=r"cannot be read|does not know|not a part"):
        writer.compact()
    assert {path: path.read_bytes() for path in kept} == kept
    with pytest.warns(UserWarning, match=r"cannot be read|does not know|not a part"):
        frame = load_results(writer.folder)
    assert len(frame) == len(KEYS) - 2 + 1
    assert parts(writer)[0] == "n.parquet"
    assert "rows-000002.parquet" in parts(writer)


def test_large_parts_are_left_as_they_are_and_small_ones_do_not_grow_without_end(writer, monkeypatch):
    monkeypatch.setattr(compaction, "_MAX_ROWS", 4)
    monkeypatch.setattr(compaction, "_LARGE_ROWS", 3)
    before = frames(writer)
    writer.compact()
    assert_the_same(before, frames(writer))
    assert [pq.read_metadata(path).num_rows for path in sorted((writer.folder / "observations").iterdir())] == [4, 4, 1]
    large = parts(writer)[:2]
    writer.append("observations", [observation("z", 1)])
    writer.compact()
    assert set(large) < set(parts(writer))


def test_a_compacted_part_stores_repeated_texts_once_and_has_statistics_of_trials(tmp_path):
    writer = ResultsWriter.create(tmp_path / "tiny", MANIFEST)
    path = json.dumps(list(range(200)))
    writer.append("observations", [observation(f"t{i % 10}", i, path=path) for i in range(2000)])
    (file,) = (writer.folder / "observations").iterdir()
    assert file.stat().st_size < 2000 * len(path) / 4
    statistics = {
        column.path_in_schema: column.statistics
        for column in map(pq.read_metadata(file).row_group(0).column, range(len(TABLES["observations"].columns)))
    }
    assert (statistics["trial"].min, statistics["trial"].max) == ("t0", "t9")
    assert statistics["path"] is None


def test_statistics_of_sentences_survive_compaction(writer):
    values = [float(value) for value in range(30)]
    writer.append("sentences", [SENTENCES | {"trial": trial, "values": values} for trial in TRIALS])
    writer.compact()
    frame = load_results(writer.folder, "sentences", trials=TRIALS)
    assert [row.tolist() for row in frame["values"]] == [values] * 3
