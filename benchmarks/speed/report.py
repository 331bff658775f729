"""Time and size of the report for 100,000 observations.

    python -m benchmarks.speed.report

The results are synthetic (`benchmarks.speed.synthetic_results`): 1,000 trials with 100 reports each, one Parquet part
per trial. "Read" is `load_results` of the observations alone. "Make" is everything that `erpo-explore report` does
after the imports, reading included. CPU time is given as well, because other work on the machine does not affect it.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.speed.synthetic_results import write_synthetic
from erpo_explore.report import write_report
from erpo_explore.store import load_results


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000, help="number of trials")
    parser.add_argument("--reports", type=int, default=100, help="reports per trial")
    parser.add_argument("--keep", type=Path, help="new folder for results and report; default: temporary")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary) / "synthetic"
        write_synthetic(folder, num_trials=options.trials, num_reports=options.reports)
        started = time.perf_counter()
        num_observations = len(load_results(folder))
        read_s = time.perf_counter() - started
        started, worked_s = time.perf_counter(), time.process_time()
        page = write_report(folder)
        made_s, worked_s = time.perf_counter() - started, time.process_time() - worked_s
        megabytes = page.stat().st_size / 1e6
    print("| observations | read | make | make, CPU | page |\n| ---: | ---: | ---: | ---: | ---: |")
    print(f"| {num_observations:,} | {read_s:.1f} s | {made_s:.1f} s | {worked_s:.1f} s | {megabytes:.1f} MB |")


if __name__ == "__main__":
    main()
