import json

import pytest
import yaml

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.search.provenance import manifest
from erpo_explore.search.replay import FOUND, replay_space
from erpo_explore.search.trials import plan_trials
from erpo_explore.space import Path, Point, Reward, dot
from erpo_explore.space.path_file import save_path
from erpo_explore.space.search_space import SearchSpace
from erpo_explore.store import ResultsWriter
from tests.search.conftest import TINY
from tests.store.example_rows import OBSERVATION

WALKED = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.5, Point(reward=Reward(truth=0.8, model=0.2)))))
SPACE = SearchSpace.from_dict(TINY | {"dots": ["mle", {"spg": {"weight": 4}}], "seed": 5})


@pytest.fixture
def results(tmp_path):
    """A results folder whose best score was reached along `WALKED`."""
    writer = ResultsWriter.create(tmp_path / "tiny", manifest(SPACE))
    paths = {"member-0": WALKED, "mle-s5": dot("mle", metric="bleu")}
    writer.append(
        "observations",
        [
            OBSERVATION | {"trial": name, "score": score, "path": json.dumps(paths[name].to_dict())}
            for name, score in (("member-0", 20.0), ("mle-s5", 10.0))
        ],
    )
    return writer.folder


@pytest.fixture
def path_file(tmp_path):
    save_path(WALKED, tmp_path / "found.yaml")
    return tmp_path / "found.yaml"


@pytest.fixture
def space_file(tmp_path):
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE.to_dict() | {"name": "other"}))
    return tmp_path / "space.yaml"


def replay(origin, *, space_file=None, against=("mle",), num_seeds=2, seed=None):
    return replay_space(origin, space_file=space_file, against=against, num_seeds=num_seeds, seed=seed)


def test_the_best_path_of_a_results_folder_is_replayed_with_its_task_model_and_budget(results):
    space = replay(results)
    assert space.paths == {FOUND: WALKED}
    assert (space.task, space.model, space.training) == (SPACE.task, SPACE.model, SPACE.training)
    assert space.name == "tiny-replay"


def test_a_path_file_is_replayed_in_the_space_that_is_named(path_file, space_file):
    space = replay(path_file, space_file=space_file)
    assert space.paths == {FOUND: WALKED}
    assert (space.name, space.training) == ("other-replay", SPACE.training)


def test_a_space_that_is_named_goes_before_the_folders_own(results, space_file):
    assert replay(results, space_file=space_file).name == "other-replay"


def test_nothing_is_searched_and_every_rival_runs_once_a_seed(results):
    specs = plan_trials(replay(results, against=("mle", "interpolation"), num_seeds=3), "bleu")
    assert [(spec.role, spec.dot) for spec in specs] == (
        [("dot", "mle")] * 3 + [("dot", "interpolation")] * 3 + [("path", FOUND)] * 3
    )
    assert [spec.seed for spec in specs[:3]] == [spec.seed for spec in specs[3:6]] == [spec.seed for spec in specs[6:]]


def test_a_rival_keeps_the_settings_of_the_space(results):
    assert replay(results, against=("spg", "raml")).dots == {"spg": {"weight": 4}, "raml": {}}


def test_no_rival_is_the_path_alone(results):
    space = replay(results, against=())
    assert (space.dots, space.paths) == ({}, {FOUND: WALKED})


@pytest.mark.parametrize(("members", "num_seeds"), [(3, 1), (1, 4)])
def test_no_seed_is_one_that_the_search_has_used(results, tmp_path, members, num_seeds):
    searched = SearchSpace.from_dict(TINY | {"search": {"members": members}, "num_seeds": num_seeds, "seed": 5})
    (results / "exploration.yaml").write_text(yaml.safe_dump(manifest(searched)))
    used = {spec.seed for spec in plan_trials(searched, "bleu")}
    fresh = {spec.seed for spec in plan_trials(replay(results, num_seeds=5), "bleu")}
    assert len(fresh) == 5
    assert not used & fresh


def test_a_seed_that_is_given_is_taken(results):
    assert replay(results, seed=5).seed == 5
    assert replay(results, seed=0).seed == 0


def test_a_replay_is_a_space_like_any_other(results):
    space = replay(results)
    assert SearchSpace.from_dict(yaml.safe_load(yaml.safe_dump(space.to_dict()))) == space


def test_an_unknown_rival_is_named_with_those_that_exist(results):
    with pytest.raises(ConfigError, match=r"--against must name dots out of mle, .*interpolation, got 'found'"):
        replay(results, against=("mle", "found"))


def test_a_path_without_a_space_is_told_to_name_one(path_file):
    with pytest.raises(
        ConfigError, match=r"found\.yaml is a path without a task; add --space search_spaces/NAME\.yaml"
    ):
        replay(path_file)


def test_a_folder_without_a_score_has_nothing_to_replay(tmp_path):
    folder = ResultsWriter.create(tmp_path / "tiny", manifest(SPACE)).folder
    with pytest.raises(ResultsError, match="no observation has a score yet"):
        replay(folder)


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        replay(tmp_path / "nowhere")


def test_no_seeds_at_all_are_an_error(results):
    with pytest.raises(ConfigError, match="num_seeds"):
        replay(results, num_seeds=0)
