import json

import pytest
import yaml

from erpo_explore.config.experiment import Experiment, FinalTest
from erpo_explore.config.path_file import save_path
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.baselines import read_against
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.replay import FOUND, is_replay, replay_space, winning_algorithm
from erpo_explore.plan.trials import plan_trials
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION
from tests.tiny_exploration import TINY

WALKED = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.5, Point(reward=Reward(truth=0.8, model=0.2)))))
SPACE = Experiment.from_dict(TINY | {"baselines": ["mle", {"spg": {"weight": 4}}], "seed": 5})


@pytest.fixture
def results(tmp_path):
    """A results folder whose best score was reached along `WALKED`."""
    writer = ResultsWriter.create(tmp_path / "tiny", manifest(SPACE))
    paths = {"member-0": WALKED, "mle-s5": algorithm("mle").path("bleu")}
    writer.append(
        "observations",
        [
            OBSERVATION | {"trial": name, "role": role, "score": score, "path": json.dumps(paths[name].to_dict())}
            for name, role, score in (("member-0", "member", 20.0), ("mle-s5", "algorithm", 10.0))
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


def replay(origin, *, against="mle", **settings):
    given = {"space_file": None, "num_seeds": 2} | settings
    return replay_space(origin, against=read_against(against), **given)


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


def test_the_seeds_are_none_of_those_of_the_search_nor_of_the_space_that_is_named(results, tmp_path):
    def named(**fields):
        (tmp_path / "named.yaml").write_text(yaml.safe_dump(SPACE.to_dict() | fields))
        return replay(results, space_file=tmp_path / "named.yaml").seed

    after_search = SPACE.seed + max(SPACE.search.members, SPACE.num_seeds)
    assert named(search={"method": "none", "members": 1}, num_seeds=1) == after_search
    assert named(seed=SPACE.seed + 50, num_seeds=20, search={"method": "none"}) == SPACE.seed + 70


def test_nothing_is_searched_and_each_baseline_runs_once_per_seed(results):
    specs = plan_trials(replay(results, against="mle, interpolation", num_seeds=3), "bleu")
    assert [(spec.role, spec.algorithm) for spec in specs] == (
        [("algorithm", "mle")] * 3 + [("algorithm", "interpolation")] * 3 + [("path", FOUND)] * 3
    )
    assert [spec.seed for spec in specs[:3]] == [spec.seed for spec in specs[3:6]] == [spec.seed for spec in specs[6:]]


def test_a_baseline_keeps_the_settings_of_the_experiment(results):
    assert replay(results, against="spg, raml").algorithms == {"spg": {"weight": 4}, "raml": {}}


def test_without_baselines_the_path_is_alone(results):
    space = replay(results, against="")
    assert (space.algorithms, space.paths) == ({}, {FOUND: WALKED})


@pytest.mark.parametrize(("members", "num_seeds"), [(3, 1), (1, 4)])
def test_no_seed_is_one_that_the_search_has_used(results, tmp_path, members, num_seeds):
    searched = Experiment.from_dict(TINY | {"search": {"members": members}, "num_seeds": num_seeds, "seed": 5})
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
    assert Experiment.from_dict(yaml.safe_load(yaml.safe_dump(space.to_dict()))) == space


def test_settings_that_are_given_go_before_those_of_the_space(results):
    assert replay(results, against="spg: {weight: 9}").algorithms == {"spg": {"weight": 9}}


def test_a_paths_file_is_a_baseline_too(results, path_file):
    renamed = path_file.rename(path_file.with_name("papers.yaml"))
    assert resolve(replay(results, against=str(renamed))).paths == {
        "papers": WALKED,
        FOUND: WALKED,
    }


def test_no_baseline_takes_the_name_of_the_found_path(results, path_file):
    with pytest.raises(ConfigError, match=r"must not name a baseline found"):
        replay(results, against=str(path_file))


def test_the_test_set_is_decoded_by_a_beam(results):
    assert replay(results).test == FinalTest(beam_width=5, length_penalty=1.0)
    assert replay(results, beam_width=2).test.beam_width == 2
    assert (is_replay(replay(results)), is_replay(SPACE)) == (True, False)


class TestTheWinner:
    def folder(self, tmp_path, roles):
        """Trials of these roles, the first the best, all with the paths of their place."""
        writer = ResultsWriter.create(tmp_path / "tiny", manifest(SPACE))
        for place, role in enumerate(roles):
            path = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.1 + 0.1 * place, WALKED.end)))
            row = {"trial": f"t{place}", "role": role, "algorithm": role, "score": 20.0 - place}
            writer.append("observations", [OBSERVATION | row | {"path": json.dumps(path.to_dict())}])
        return writer.folder

    @pytest.mark.parametrize(
        ("roles", "place"),
        [
            (("member", "algorithm"), 0),
            (("algorithm", "member", "member"), 1),
            (("path", "member"), 1),
            (("algorithm", "random", "random"), 1),
            (("algorithm", "path"), 1),
        ],
    )
    def test_the_best_member_is_replayed_or_else_the_best_that_is_no_algorithm(self, tmp_path, roles, place):
        found = replay(self.folder(tmp_path, roles)).paths[FOUND]
        assert found.knots[1][0] == pytest.approx(0.1 + 0.1 * place)

    @pytest.mark.parametrize(
        ("roles", "algorithm"), [(("algorithm", "member"), "algorithm"), (("member", "algorithm"), None)]
    )
    def test_a_algorithm_that_won_is_named(self, tmp_path, roles, algorithm):
        assert winning_algorithm(self.folder(tmp_path, roles)) == algorithm

    def test_baselines_alone_have_no_path_to_replay(self, tmp_path):
        with pytest.raises(ResultsError, match="has trained baselines alone, so there is no found path to replay"):
            replay(self.folder(tmp_path, ("algorithm", "algorithm")))


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
