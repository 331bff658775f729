"""The searcher of branches without Ray; `test_branch_run` runs it on Ray."""

import json
import math
from itertools import product

from erpo_explore.config.experiment import Experiment
from erpo_explore.plan.trials import plan_trials
from erpo_explore.search.branching import Branch
from erpo_explore.search.path_prior import PathPrior
from erpo_explore.space import Path
from erpo_explore.store import ResultsWriter, load_manifest, load_results
from erpo_explore.trial.assignment import Assignment
from erpo_explore.tune.callbacks.recorder import Recorder
from erpo_explore.tune.schedulers.branch_searcher import PlannedThenBranches
from erpo_explore.tune.scoreboard import Scoreboard, Scored
from tests.tiny_exploration import TINY

SEARCH = {"method": "branch", "members": 4, "candidates": ["label_smoothing", "data_noising"]}
SPACE = Experiment.from_dict(TINY | {"search": SEARCH, "baselines": ["mle"], "seed": 5})
COSTS = {"mle": 1.0, "label_smoothing": 1.0, "data_noising": 1.5}
INTERVALS = 4


def searcher_of(folder, *, slots=1, higher_is_better=True, **recorded):
    if not folder.exists():
        ResultsWriter.create(folder, {"exploration": "tiny", "search_costs": COSTS} | recorded)
    scoreboard = Scoreboard(folder, frozenset(range(1, INTERVALS)))
    recorder = Recorder(
        exploration="tiny",
        task="toy",
        model="lstm",
        metric="bleu",
        higher_is_better=higher_is_better,
        scoreboard=scoreboard,
    )
    planned = plan_trials(SPACE, "bleu")
    return PlannedThenBranches(SPACE, planned, "bleu", recorder, slots=lambda: slots)


def gain(assignment, iteration):
    """Objective of a report: noise helps, above all early, and smoothing never."""
    points = [assignment.spec.path.at(phase / INTERVALS) for phase in range(iteration)]
    helps = sum(3.0 if phase < 2 else 1.0 for phase, point in enumerate(points) if point.reward.noise > 0.0)
    return 10.0 * iteration + helps + 0.1 * (assignment.spec.seed % 3)


def train(searcher, trial_id, config, *, until=INTERVALS, ends=True):
    """Report the scores of a trial, and end it."""
    assignment, scoreboard = Assignment.from_dict(config), searcher._recorder.scoreboard
    for iteration in range(assignment.generation + 1, until + 1):
        objective = gain(assignment, iteration)
        scoreboard.note_score(assignment.spec.name, iteration, Scored(3 * iteration, objective, objective))
        scoreboard.note_checkpoints(assignment.spec.name, {iteration: object()})
    if ends:
        searcher.on_trial_complete(trial_id, {})


def played(searcher, first=0):
    """Train what is suggested, one after the other, until the search has ended."""
    configs = []
    while (config := searcher.suggest(f"id{first + len(configs)}")) != "FINISHED":
        train(searcher, f"id{first + len(configs)}", config)
        configs.append(config)
    return configs


def test_planned_trials_come_first_and_count_as_trained(tmp_path):
    specs = [Assignment.from_dict(config).spec for config in played(searcher_of(tmp_path / "tiny"))]
    assert [spec.name for spec in specs[:2]] == ["mle-s5", "branch-0"]
    mle = specs[0].path
    assert all((spec.seed, spec.path) != (5, mle) for spec in specs[1:])


def test_the_first_branch_is_where_the_recorded_prior_expects_most(tmp_path):
    expected = (2, 1, 1, 2)
    gains = tuple(tuple(0.9 * (letter == best) for letter in range(3)) for best in expected)
    searcher = searcher_of(tmp_path / "tiny", search_prior=PathPrior(gains=gains).to_dict())
    train(searcher, "id0", searcher.suggest("id0"))
    branch = Assignment.from_dict(searcher.suggest("id1"))
    letters = searcher._turns.letters_of(branch.spec.path)
    # it is the leader, or a challenger that differs in a place
    assert sum(own == best for own, best in zip(letters, expected, strict=True)) >= 3


def test_nothing_is_suggested_before_a_slot_is_free_or_maximum_likelihood_is_scored(tmp_path):
    searcher = searcher_of(tmp_path / "tiny", slots=2)
    config = searcher.suggest("id0")
    assert searcher.suggest("id1") is None
    train(searcher, "id0", config)
    assert isinstance(searcher.suggest("id1"), dict)
    assert isinstance(searcher.suggest("id2"), dict)
    assert searcher.suggest("id3") is None


def test_a_branch_begins_at_a_recorded_checkpoint_of_its_seed_and_path(tmp_path):
    configs = played(searcher_of(tmp_path / "tiny"))
    known = {config["spec"]["name"]: Assignment.from_dict(config) for config in configs}
    branches = [each for each in known.values() if each.parent is not None]
    assert branches
    for branch in branches:
        donor, at = known[branch.parent].spec, branch.generation / INTERVALS
        assert donor.seed == branch.spec.seed
        assert all(donor.path.at(share * at) == branch.spec.path.at(share * at) for share in (0.0, 0.3, 0.6, 0.9))
    lineage = load_results(tmp_path / "tiny", table="lineage").set_index("trial")
    for branch in branches:
        row = lineage.loc[branch.spec.name]
        assert (row["action"], row["donor"], row["step"]) == ("clone", branch.parent, 3 * branch.generation)
        assert Path.from_dict(json.loads(row["path"])) == branch.spec.path


def test_branches_cost_at_most_the_budget_and_the_search_says_that_it_has_ended(tmp_path):
    searcher = searcher_of(tmp_path / "tiny")
    played(searcher)
    assert sum(branch.cost for branch in searcher._branches) <= 4.0 + 1e-9
    assert sum(branch.cost for branch in searcher._branches) > 3.0
    assert load_manifest(tmp_path / "tiny")["search_ended"] is True
    assert searcher._recorder.scoreboard.shared_checkpoints == {}


def beginnings(searcher):
    """Donor and report of every branch that could still be paid for, by enumeration of all paths."""
    found, trained = set(), {(one.seed, one.letters) for one in searcher._checkpoints()}
    costs = [COSTS[name] / INTERVALS for name in searcher._turns.names]
    left = 4.0 - sum(branch.cost for branch in searcher._branches)
    for seed, path in product({seed for seed, _ in trained}, product(range(3), repeat=INTERVALS)):
        start = next((n for n in range(INTERVALS) if (seed, path[: n + 1]) not in trained), INTERVALS)
        cost = math.fsum(costs[letter] for letter in path[start:])
        if 0 < start < INTERVALS and cost <= left + 1e-9:
            found.add((searcher._donor(Branch(seed=seed, path=path, start=start, cost=cost, reason="")), start))
    return found


def test_the_checkpoints_that_stay_are_those_that_a_branch_may_begin_with(tmp_path):
    searcher = searcher_of(tmp_path / "tiny")
    scoreboard, numbers = searcher._recorder.scoreboard, []
    while (config := searcher.suggest(f"id{len(numbers)}")) != "FINISHED":
        assignment = Assignment.from_dict(config)
        if assignment.parent is not None:
            assert (assignment.parent, assignment.generation) in scoreboard.shared_checkpoints
        train(searcher, f"id{len(numbers)}", config)
        assert set(scoreboard.shared_checkpoints) == beginnings(searcher)
        numbers.append(len(scoreboard.shared_checkpoints))
    assert max(numbers) <= 2 * (3**INTERVALS - 3) // (3 - 1)  # S (A^Q − A) / (A − 1)
    assert numbers[-1] < max(numbers)


def test_the_checkpoint_of_a_branch_stays_until_the_branch_has_its_own(tmp_path):
    searcher = searcher_of(tmp_path / "tiny", slots=2)
    scoreboard, first = searcher._recorder.scoreboard, searcher.suggest("id0")
    train(searcher, "id0", first)
    running = {}
    for number in range(1, 40):
        config = searcher.suggest(f"id{number}")
        if isinstance(config, dict):
            running[f"id{number}"] = config
        if len(running) == 2 or not isinstance(config, dict):
            if not running:
                break
            trial_id = min(running)
            train(searcher, trial_id, running.pop(trial_id))
            if config == "FINISHED":
                break
        for each in running.values():
            begun = Assignment.from_dict(each)
            assert begun.parent is None or (begun.parent, begun.generation) in scoreboard.shared_checkpoints
    assert searcher._branches


def test_a_checkpoint_that_was_given_up_is_not_shared_again(tmp_path):
    scoreboard = searcher_of(tmp_path / "tiny")._recorder.scoreboard
    scoreboard.note_checkpoints("a", {1: object(), 2: object()})
    scoreboard.close_checkpoints([("a", 2)])
    scoreboard.note_checkpoints("a", {1: object(), 2: object(), 3: object()})
    assert set(scoreboard.shared_checkpoints) == {("a", 2), ("a", 3)}


def test_what_is_dropped_stays_dropped_since_the_same_run(tmp_path):
    searcher, seen = searcher_of(tmp_path / "tiny"), {}
    while (config := searcher.suggest(f"id{len(searcher._names)}")) != "FINISHED":
        train(searcher, f"id{len(searcher._names) - 1}", config)
        handover = load_manifest(tmp_path / "tiny")["handover"]
        now = {row["name"]: row["dropped_after"] for row in handover["paths"] if row["dropped_after"] is not None}
        assert all(row["chance"] < 0.05 for row in handover["paths"] if row["name"] in now)
        assert all(since == seen.get(name, handover["num_ended"]) for name, since in now.items())
        seen = now
    trials = {trial for row in handover["paths"] for trial in row["trials"]}
    assert trials == {"mle-s5", *(f"branch-{number}" for number in range(len(searcher._branches)))}


def test_what_is_handed_over_is_recorded_with_its_gain(tmp_path):
    played(searcher_of(tmp_path / "tiny"))
    handover = load_manifest(tmp_path / "tiny")["handover"]
    leader = handover["leader"]
    assert leader["over_mle"]["low"] <= leader["over_mle"]["mean"] <= leader["over_mle"]["high"]
    assert handover["name"] == leader["name"] if handover["is_sure"] else "(" not in handover["name"]


def test_scores_are_recorded_in_the_direction_of_the_metric(tmp_path):
    searcher = searcher_of(tmp_path / "tiny", higher_is_better=False)
    played(searcher)
    lineage = load_results(tmp_path / "tiny", table="lineage").dropna(subset=["donor"])
    objectives = map(searcher._recorder.scoreboard.objective_at, lineage["donor"], lineage["generation"])
    assert lineage["donor_score"].tolist() == [-objective for objective in objectives]
    assert -50.0 < load_manifest(tmp_path / "tiny")["handover"]["leader"]["score"] < -40.0


def test_a_resumed_search_takes_the_recorded_branches_and_waits_for_their_donors(tmp_path):
    undisturbed = played(searcher_of(tmp_path / "one"))
    searcher = searcher_of(tmp_path / "two")
    train(searcher, "id0", searcher.suggest("id0"))
    config = searcher.suggest("id1")
    searcher.save(str(tmp_path / "saved"))
    # what the snapshot does not know
    train(searcher, "id1", config)
    for number in range(2, 4):
        train(searcher, f"id{number}", searcher.suggest(f"id{number}"))
    restored = searcher_of(tmp_path / "two", slots=2)
    restored.restore(str(tmp_path / "saved"))
    assert undisturbed[2]["parent"] is not None
    assert restored.suggest("id2") is None
    for config, name in zip(undisturbed[:2], ("id0", "id1"), strict=True):
        train(restored, name, config)
    assert played(restored, 2) == undisturbed[2:]


def test_a_branch_that_ends_without_a_score_is_not_proposed_again_and_counts_as_bad(tmp_path):
    searcher = searcher_of(tmp_path / "tiny")
    train(searcher, "id0", searcher.suggest("id0"))
    lost = Assignment.from_dict(searcher.suggest("id1"))
    searcher.on_trial_complete("id1", None, True)
    again = [Assignment.from_dict(config).spec for config in played(searcher, 2)]
    assert all((spec.seed, spec.path) != (lost.spec.seed, lost.spec.path) for spec in again)
    letters = searcher._turns.letters_of(lost.spec.path)
    scores = {one.letters: one.objective for one in searcher._checkpoints() if one.seed == lost.spec.seed - 5}
    assert scores[letters] == min(one.objective for one in searcher._checkpoints())
