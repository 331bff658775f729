"""What the package shows at its door, and how little entering costs."""

import subprocess
import sys

import pytest

import erpo_explore


def test_the_public_names_are_these_and_all_exist():
    assert erpo_explore.__all__ == ["Path", "Point", "Reward", "algorithm", "best_path", "load_results"]
    assert all(hasattr(erpo_explore, name) for name in erpo_explore.__all__)


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("erpo_explore", "ray"),
        ("erpo_explore", "plotly"),
        ("erpo_explore.trial", "ray"),
        ("erpo_explore.cli.main", "ray"),
        ("erpo_explore.config.experiment", "torch"),
        ("erpo_explore.config.experiment", "transformers"),
        ("erpo_explore.config.experiment", "ray"),
    ],
)
def test_importing_it_does_not_import(module, unwanted):
    program = f"import sys, {module}; print({unwanted!r} in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
    assert run.stderr == ""
