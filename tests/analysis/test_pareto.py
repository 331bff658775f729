import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from erpo_explore.analysis.pareto import pareto_set

COLUMNS = ["trial", "iteration", "step", "score", "elapsed_s", "status", "role", "algorithm"]

# few values, so that ties are common
reports = st.lists(
    st.tuples(
        st.integers(0, 4),  # trial
        st.one_of(st.none(), st.integers(0, 4)),  # score
        st.integers(1, 4),  # elapsed_s
        st.sampled_from(["running", "finished", "stopped", "diverged", "failed"]),
    ),
    max_size=12,
)


def frame_of(reported):
    rows = []
    for number, (trial, score, elapsed_s, status) in enumerate(reported):
        score = None if score is None else float(score)
        rows.append((f"t{trial}", number, 10 * number, score, float(elapsed_s), status, "random", None))
    frame = pd.DataFrame(rows, columns=COLUMNS).astype({"score": "float64", "elapsed_s": "float64", "step": "int64"})
    return frame.assign(objective=frame["score"])


def in_pareto_set(frame, cost):
    """Best score of each trial and what it cost, the earliest of equals."""
    found = {}
    for row in frame.itertuples():
        if pd.isna(row.score) or row.status in ("diverged", "failed"):
            continue
        best = found.get(row.trial)
        if best is None or (row.score, -row.step) > (best[0], -best[2]):
            found[row.trial] = (row.score, getattr(row, cost), row.step)
    return {trial: (score, spent) for trial, (score, spent, _) in found.items()}


@given(reports, st.sampled_from(["elapsed_s", "step"]))
def test_the_pareto_set_matches_pairwise_comparison(reported, cost):
    frame = frame_of(reported)
    standing = in_pareto_set(frame, cost)
    unbeaten = {
        trial
        for trial, (score, spent) in standing.items()
        if not any(s >= score and c <= spent and (s, c) != (score, spent) for s, c in standing.values())
    }
    found = pareto_set(frame, cost)
    assert set(found["trial"]) == unbeaten
    assert len(found) == len(unbeaten)
    assert {row["trial"]: (row["score"], row[cost]) for row in found.to_dict("records")} == {
        trial: standing[trial] for trial in unbeaten
    }


@given(reports)
def test_score_rises_with_cost_in_the_pareto_set(reported):
    found = pareto_set(frame_of(reported))
    assert found["elapsed_s"].is_monotonic_increasing
    assert found["score"].is_monotonic_increasing


def test_the_best_score_is_last_in_the_pareto_set(observations):
    found = pareto_set(observations)
    assert found["score"].iloc[-1] == observations["score"].max()
