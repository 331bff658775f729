"""Whether a trial is left to resume, read without pandas."""

import pytest

from erpo_explore.store import ResultsWriter
from erpo_explore.store.statuses import is_any_unfinished
from tests.store.example_rows import TRIAL


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), False),
        (("finished", "diverged", "stopped"), False),
        (("finished", "running"), True),
        (("failed",), True),
    ],
)
def test_running_and_failed_trials_are_left(statuses, expected, tmp_path):
    writer = ResultsWriter.create(tmp_path / "results", {"exploration": "tiny"})
    for number, status in enumerate(statuses):
        writer.append("trials", [TRIAL | {"trial": f"member-{number}", "status": status}])
    (tmp_path / "results" / "trials" / "torn.parquet").write_bytes(b"PAR1")
    assert is_any_unfinished(tmp_path / "results") is expected
