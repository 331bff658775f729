import pytest

from erpo_explore.store import load_results

from .example_exploration import write_example


@pytest.fixture(scope="session")
def exploration(tmp_path_factory):
    """The folder of the example exploration; tests only read it."""
    return write_example(tmp_path_factory.mktemp("results") / "toy_space")


@pytest.fixture
def observations(exploration):
    return load_results(exploration)


@pytest.fixture
def lineage(exploration):
    return load_results(exploration, "lineage")
