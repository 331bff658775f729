import json

import pytest
import yaml

from erpo_explore.analysis.best_path import best_path
from erpo_explore.config.experiment import Experiment, FinalTest
from erpo_explore.config.path_file import save_path
from erpo_explore.config.resolve import resolve
from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.plan.baselines import read_against
from erpo_explore.plan.manifest import manifest
from erpo_explore.plan.replay import FOUND, is_replay, replay_experiment, winning_algorithm
from erpo_explore.plan.trials import plan_trials
from erpo_explore.space import Path, Point, Reward, algorithm
from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION
from tests.tiny_exploration import TINY

PATH = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.5, Point(reward=Reward(truth=0.8, model=0.2)))))
SEARCHED = Experiment.from_dict(TINY | {"baselines": ["mle", {"spg": {"weight": 4}}], "seed": 5})


@pytest.fixture
def results(tmp_path):
    """A results folder whose best score was reached along `PATH`."""
    writer = ResultsWriter.create(tmp_path / "tiny", manifest(SEARCHED))
    paths = {"member-0": PATH, "mle-s5": algorithm("mle").path("bleu")}
    writer.append(
        "observations",
        [
            OBSERVATION
            | {
                "trial": name,
                "role": role,
                "score": score,
                "objective": score,
                "path": json.dumps(paths[name].to_dict()),
            }
            for name, role, score in (("member-0", "member", 20.0), ("mle-s5", "algorithm", 10.0))
        ],
    )
    return writer.folder


@pytest.fixture
def path_file(tmp_path):
    save_path(PATH, tmp_path / "found.yaml")
    return tmp_path / "found.yaml"


@pytest.fixture
def experiment_file(tmp_path):
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SEARCHED.to_dict() | {"name": "other"}))
    return tmp_path / "space.yaml"


def replay(origin, *, against="mle", **settings):
    given = {"experiment_file": None, "num_seeds": 2} | settings
    return replay_experiment(origin, against=read_against(against), **given)


def test_the_best_path_of_a_results_folder_is_replayed_with_its_task_model_and_budget(results):
    replayed = replay(results)
    assert replayed.paths == {FOUND: PATH}
    assert (replayed.task, replayed.model, replayed.training) == (SEARCHED.task, SEARCHED.model, SEARCHED.training)
    assert replayed.name == "tiny-replay"


def test_a_path_file_is_replayed_in_the_given_experiment(path_file, experiment_file):
    replayed = replay(path_file, experiment_file=experiment_file)
    assert replayed.paths == {FOUND: PATH}
    assert (replayed.name, replayed.training) == ("other-replay", SEARCHED.training)


def test_a_given_experiment_replaces_that_of_the_folder(results, experiment_file):
    assert replay(results, experiment_file=experiment_file).name == "other-replay"


def test_the_seeds_are_new_to_the_search_and_to_the_given_experiment(results, tmp_path):
    def named(**fields):
        (tmp_path / "named.yaml").write_text(yaml.safe_dump(SEARCHED.to_dict() | fields))
        return replay(results, experiment_file=tmp_path / "named.yaml").seed

    after_search = SEARCHED.seed + max(SEARCHED.search.members, SEARCHED.num_seeds)
    assert named(search={"method": "none", "members": 1}, num_seeds=1) == after_search
    assert named(seed=SEARCHED.seed + 50, num_seeds=20, search={"method": "none"}) == SEARCHED.seed + 70


def test_nothing_is_searched_and_each_baseline_runs_once_per_seed(results):
    specs = plan_trials(replay(results, against="mle, interpolation", num_seeds=3), "bleu")
    assert [(spec.role, spec.algorithm) for spec in specs] == (
        [("algorithm", "mle")] * 3 + [("algorithm", "interpolation")] * 3 + [("path", FOUND)] * 3
    )
    assert [spec.seed for spec in specs[:3]] == [spec.seed for spec in specs[3:6]] == [spec.seed for spec in specs[6:]]


def test_a_baseline_keeps_the_settings_of_the_experiment(results):
    assert replay(results, against="spg, raml").algorithms == {"spg": {"weight": 4}, "raml": {}}


def test_without_baselines_the_path_is_alone(results):
    replayed = replay(results, against="")
    assert (replayed.algorithms, replayed.paths) == ({}, {FOUND: PATH})


@pytest.mark.parametrize(("members", "num_seeds"), [(3, 1), (1, 4)])
def test_no_seed_was_used_by_the_search(results, tmp_path, members, num_seeds):
    searched = Experiment.from_dict(TINY | {"search": {"members": members}, "num_seeds": num_seeds, "seed": 5})
    (results / "exploration.yaml").write_text(yaml.safe_dump(manifest(searched)))
    used = {spec.seed for spec in plan_trials(searched, "bleu")}
    fresh = {spec.seed for spec in plan_trials(replay(results, num_seeds=5), "bleu")}
    assert len(fresh) == 5
    assert not used & fresh


def test_a_given_seed_is_used(results):
    assert replay(results, seed=5).seed == 5
    assert replay(results, seed=0).seed == 0


def test_a_replay_is_read_back_from_its_yaml(results):
    replayed = replay(results)
    assert Experiment.from_dict(yaml.safe_load(yaml.safe_dump(replayed.to_dict()))) == replayed


def test_given_settings_replace_those_of_the_experiment(results):
    assert replay(results, against="spg: {weight: 9}").algorithms == {"spg": {"weight": 9}}


def test_a_path_file_is_a_baseline(results, path_file):
    renamed = path_file.rename(path_file.with_name("papers.yaml"))
    assert resolve(replay(results, against=str(renamed))).paths == {
        "papers": PATH,
        FOUND: PATH,
    }


def test_a_baseline_with_the_name_of_the_found_path_is_refused(results, path_file):
    with pytest.raises(ConfigError, match=r"must not name a baseline found"):
        replay(results, against=str(path_file))


def test_the_test_set_is_decoded_by_a_beam(results):
    assert replay(results).test == FinalTest(beam_width=5, length_penalty=1.0)
    assert replay(results, tune=True).test == FinalTest(tune=True)
    with pytest.raises(ConfigError, match="tuning chooses the beam; leave out"):
        replay(results, tune=True, beam_width=3)
    assert replay(results, beam_width=2).test.beam_width == 2
    assert (is_replay(replay(results)), is_replay(SEARCHED)) == (True, False)


class TestTheWinner:
    def folder(self, tmp_path, roles):
        """Results with one trial per role, the best first, each with its own path."""
        writer = ResultsWriter.create(tmp_path / "tiny", manifest(SEARCHED))
        for index, role in enumerate(roles):
            path = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (0.1 + 0.1 * index, PATH.end)))
            row = {
                "trial": f"t{index}",
                "role": role,
                "algorithm": role,
                "score": 20.0 - index,
                "objective": 20.0 - index,
            }
            writer.append("observations", [OBSERVATION | row | {"path": json.dumps(path.to_dict())}])
        return writer.folder

    @pytest.mark.parametrize(
        ("roles", "index"),
        [
            (("member", "algorithm"), 0),
            (("algorithm", "member", "member"), 1),
            (("path", "member"), 1),
            (("algorithm", "random", "random"), 1),
            (("algorithm", "path"), 1),
        ],
    )
    def test_the_best_member_is_replayed_or_else_the_best_trial_that_is_no_algorithm(self, tmp_path, roles, index):
        found = replay(self.folder(tmp_path, roles)).paths[FOUND]
        assert found.knots[1][0] == pytest.approx(0.1 + 0.1 * index)

    @pytest.mark.parametrize(
        ("roles", "algorithm"),
        [
            (("algorithm", "member"), "algorithm"),
            (("member", "algorithm"), None),
            (("algorithm", "member", "algorithm", "algorithm"), None),  # 20, 18 and 17 have a mean below 19
        ],
    )
    def test_an_algorithm_with_the_best_mean_is_returned(self, tmp_path, roles, algorithm):
        assert winning_algorithm(self.folder(tmp_path, roles)) == algorithm

    def test_baselines_alone_have_no_path_to_replay(self, tmp_path):
        with pytest.raises(ResultsError, match="has trained baselines alone, so there is no found path to replay"):
            replay(self.folder(tmp_path, ("algorithm", "algorithm")))


def test_a_path_without_an_experiment_is_an_error(path_file):
    with pytest.raises(
        ConfigError, match=r"found\.yaml is a path without a task; add --space search_spaces/NAME\.yaml"
    ):
        replay(path_file)


def test_a_folder_without_a_score_has_nothing_to_replay(tmp_path):
    folder = ResultsWriter.create(tmp_path / "tiny", manifest(SEARCHED)).folder
    with pytest.raises(ResultsError, match="no observation has a score yet"):
        replay(folder)


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        replay(tmp_path / "nowhere")


def test_zero_seeds_are_an_error(results):
    with pytest.raises(ConfigError, match="num_seeds"):
        replay(results, num_seeds=0)


class TestWhereLessIsBetter:
    """An error rate, whose objective is its negative."""

    @pytest.fixture
    def folder(self, tmp_path):
        writer = ResultsWriter.create(tmp_path / "errors", manifest(SEARCHED))
        ends = {"few": 0.2, "many": 0.4, "mle-s5": 0.1}
        for name, rate in (("few", 20.0), ("many", 40.0), ("mle-s5", 30.0)):
            path = Path(knots=((0.0, Point(reward=Reward(truth=1.0))), (ends[name], PATH.end)))
            role = "algorithm" if name == "mle-s5" else "member"
            row = {"trial": name, "role": role, "algorithm": "mle" if role == "algorithm" else None}
            row |= {"score": rate, "objective": -rate, "path": json.dumps(path.to_dict())}
            writer.append("observations", [OBSERVATION | row])
        return writer.folder

    def test_the_path_of_the_lowest_rate_is_replayed(self, folder):
        assert replay(folder).paths["found"].knots[-1][0] == 0.2
        assert best_path(folder).knots[-1][0] == 0.2

    def test_a_member_with_fewer_errors_wins(self, folder):
        assert winning_algorithm(folder) is None

    def test_a_baseline_with_the_fewest_errors_wins(self, folder):
        row = {"trial": "mle-s5", "role": "algorithm", "algorithm": "mle", "iteration": 2, "step": 200}
        ResultsWriter.open(folder).append("observations", [OBSERVATION | row | {"score": 10.0, "objective": -10.0}])
        assert winning_algorithm(folder) == "mle"
