import pytest

from benchmarks.speed.timing import Goal, interleaved, ratios, table


def test_pieces_are_interleaved_in_a_rotating_order():
    seen = []
    work = {name: (lambda index, name=name: seen.append((index, name))) for name in "abc"}
    times = interleaved(work, rounds=2, before=lambda index: seen.append((index, "before")), warm_up=1)
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 2, "b": 2, "c": 2}
    order = ["".join(name for at, name in seen if at == index and name != "before") for index in range(3)]
    assert order == ["abc", "bca", "cab"]
    assert [name for _, name in seen[::4]] == ["before"] * 3


def test_ratios_are_taken_per_round():
    # the second round is ten times slower for both
    assert ratios([2.0, 20.0, 2.0], [1.0, 10.0, 1.0]) == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (Goal(), 1.0, ""),
        (Goal(most=1.2), 1.2, "≤ 1.2 met"),
        (Goal(most=1.2), 1.21, "≤ 1.2 missed"),
        (Goal(base="mle", least=2.5), 2.5, "≥ 2.5 met"),
        (Goal(base="mle", least=2.5), 2.4, "≥ 2.5 missed"),
    ],
)
def test_verdict_of_a_goal(goal, value, verdict):
    assert goal.verdict(value) == verdict


def test_row_has_median_quartiles_ratio_and_goal():
    figures = {"mle": [0.1, 0.2, 0.3], "raml": [0.2, 0.2, 0.9]}
    rows = table(figures, {"raml": Goal(base="mle", most=1.2)}, title="point").splitlines()
    assert rows[2] == "| `mle` | 200 | 150–250 |  |  |  |"
    assert rows[3] == "| `raml` | 200 | 200–550 | 2 | `mle` | ≤ 1.2 missed |"


def test_goal_without_a_base_bounds_the_figure():
    rows = table({"greedy": [3.0]}, {"greedy": Goal(most=4.0)}, title="search", unit="s").splitlines()
    assert rows[2] == "| `greedy` | 3 | 3–3 |  |  | ≤ 4 met |"
