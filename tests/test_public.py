"""What the package shows at its door, and how little entering costs."""

import subprocess
import sys

import pytest

import erpo_explore

PUBLIC = [
    "LSTM",
    "Advice",
    "ConfigError",
    "CustomModel",
    "DataError",
    "Docstrings",
    "ErpoExploreError",
    "Estimate",
    "Estimator",
    "Evaluation",
    "Experiment",
    "Hub",
    "Path",
    "Point",
    "Population",
    "Pretrained",
    "Pronunciations",
    "Replay",
    "ResultsError",
    "Reward",
    "Run",
    "RunError",
    "Search",
    "TextFiles",
    "Toy",
    "Training",
    "Transformer",
    "__version__",
    "advise",
    "algorithm",
    "best_path",
    "estimate",
    "evaluate",
    "explore",
    "export",
    "load_experiment",
    "load_model",
    "load_results",
    "register",
    "replay",
    "resume",
]


def test_the_public_names_are_these_and_all_exist():
    assert erpo_explore.__all__ == PUBLIC
    assert all(hasattr(erpo_explore, name) for name in PUBLIC)
    assert dir(erpo_explore) == sorted(PUBLIC)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nix'"):
        _ = erpo_explore.nix


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("erpo_explore", "ray"),
        ("erpo_explore", "plotly"),
        ("erpo_explore", "pandas"),
        ("erpo_explore.api.run", "ray"),
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
