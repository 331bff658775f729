"""How long the report takes and how large it is, for 100,000 observations.

    python -m benchmarks.speed.report

The results are made up (`benchmarks.speed.synthetic_results`): 1,000 trials of 100 reports each, a Parquet part a
trial. "Read" is `load_results` of the observations alone; "make" is all that `erpo-explore report` does once Python has
imported it, reading included; its CPU time is what other work on the machine does not lengthen.
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
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--reports", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="folder, not there yet, for results and report")
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
