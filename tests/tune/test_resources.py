"""The resources of one trial, from the settings and the cluster's nodes."""

import logging

import pytest
import ray

from erpo_explore.config.experiment import Resources
from erpo_explore.errors import ConfigError
from erpo_explore.tune.resources import check_resources, trial_resources


@pytest.fixture
def cluster(monkeypatch):
    """Sets the resources of the cluster's nodes, without a cluster."""

    def set_nodes(*nodes):
        monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": node} for node in nodes])
        totals = {name: sum(node.get(name, 0.0) for node in nodes) for name in ("CPU", "GPU")}
        monkeypatch.setattr(ray, "cluster_resources", lambda: totals)

    return set_nodes


@pytest.mark.parametrize(
    ("num_gpus", "num_trials", "expected"), [(0, 3, 0.0), (1, 2, 0.5), (1, 8, 0.25), (8, 4, 1.0), (2, 3, 2 / 3)]
)
def test_trials_share_all_gpus_between_a_quarter_and_one_each(cluster, num_gpus, num_trials, expected):
    cluster({"CPU": 8.0, "GPU": float(num_gpus)})
    assert trial_resources(Resources(), num_trials) == {"cpu": 1.0, "gpu": expected}


def test_given_resources_are_kept(cluster):
    cluster({"CPU": 8.0, "GPU": 1.0, "memory": 64e9})
    given = Resources(cpus_per_trial=2, gpus_per_trial=0.1, memory_per_trial_gb=1.5)
    assert trial_resources(given, 2) == {"cpu": 2.0, "gpu": 0.1, "memory": 1.5e9}


@pytest.mark.parametrize(
    ("nodes", "warns"),
    [
        ([{"CPU": 2.0, "memory": 8e9}], False),
        ([{"CPU": 1.0, "memory": 8e9}, {"CPU": 2.0, "memory": 1e9}], True),
        ([], True),
    ],
)
def test_a_warning_names_what_no_machine_has(cluster, caplog, nodes, warns):
    cluster(*nodes)
    with caplog.at_level(logging.WARNING):
        check_resources(Resources(cpus_per_trial=2, memory_per_trial_gb=4), 2, is_alone=False)
    expected = [
        "no machine has the resources of one trial (cpu 2, gpu 0, memory 4e+09); trials wait for a machine that has, "
        "or lower `resources`"
    ]
    assert [record.getMessage() for record in caplog.records] == (expected if warns else [])


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({"cpus_per_trial": 64}, "resources.cpus_per_trial must be at most 2 on this machine, got 64"),
        ({"gpus_per_trial": 0.5}, "resources.gpus_per_trial must be at most 0 on this machine, got 0.5"),
        ({"memory_per_trial_gb": 30}, "resources.memory_per_trial_gb must be at most 8 on this machine, got 30"),
    ],
)
def test_what_this_machine_lacks_is_refused_where_no_other_can_join(cluster, resources, expected):
    cluster({"CPU": 2.0, "memory": 8e9})
    with pytest.raises(ConfigError, match=rf"^{expected}; lower it, or name a cluster with `--address`$"):
        check_resources(Resources(**resources), 2, is_alone=True)


def test_what_this_machine_has_is_not_refused(cluster):
    cluster({"CPU": 2.0, "memory": 8e9})
    check_resources(Resources(cpus_per_trial=2), 2, is_alone=True)
