"""The name of a job is that of its results folder, and safe in a shell."""

import pytest

from erpo_explore.errors import ConfigError
from erpo_explore.launch import HeadJob, job_name


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a;b", "x\n"])
def test_a_name_that_bash_could_misread_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="must consist of letters"):
        HeadJob(name)


@pytest.mark.parametrize(("results", "name"), [("results/x", "x"), ("x", "x"), ("s3://bucket/runs/x", "x")])
def test_a_job_is_named_as_its_results(results: str, name: str) -> None:
    assert job_name(results) == name
