"""A search by branches, made by hand: two algorithms, two phases of two reports, five trials on two seeds.

`branch-0` begins with the checkpoint of `mle-s1` after one phase. `branch-2` diverges, and `branch-3` still runs.
"""

from erpo_explore.store import ResultsWriter
from tests.example_exploration import MANIFEST, START, observation

MLE = {"alpha": 0.0, "beta": 1.0, "rho": 0.0, "tau": 1.0, "reward_truth": 1.0}
TRAINED = {
    # trial: seed, path, first report, scores
    "mle-s1": (1, [0, 0], 1, [10.0, 12.0, 14.0, 20.0]),
    "branch-0": (1, [0, 1], 3, [15.0, 21.0]),
    "branch-1": (2, [0, 1], 1, [11.0, 13.0, 15.0, 22.0]),
    "branch-2": (1, [1, 1], 1, [3.0, None]),
    "branch-3": (2, [1, 0], 1, [8.0, 9.0]),
}
NAMES = {(0, 0): "mle", (0, 1): "mle (1), noise (1)", (1, 1): "noise", (1, 0): "noise (1), mle (1)"}
HANDOVER = {
    "path": {"knots": []},
    "name": "mle (1), noise (1)",
    "is_sure": True,
    "seeds": 2,
    "leader": {
        "name": "mle (1), noise (1)",
        "score": 21.4,
        "seeds": 2,
        "over_mle": {"mean": 1.2, "low": 0.2, "high": 2.2, "p_value": 0.01},
        "over_point": {"mean": 1.2, "low": 0.2, "high": 2.2, "p_value": 0.01, "name": "mle"},
    },
    "num_checkpoints": 7,
    "algorithms": ["mle", "noise"],
    "ends": [2, 4],
    "num_ended": 3,
    "paths": [
        {
            "name": NAMES[tuple(letters)],
            "letters": letters,
            "trials": trials,
            "score": score,
            "deviation": 0.5,
            "gain": {"mean": score - 20.2, "deviation": 0.25},
            "chance": chance,
            "dropped_after": dropped,
        }
        for letters, trials, score, chance, dropped in (
            ([0, 0], ["mle-s1"], 20.2, 0.12, None),
            ([0, 1], ["branch-0", "branch-1"], 21.4, None, None),
            ([1, 1], ["branch-2"], 18.0, 0.01, 2),
            ([1, 0], ["branch-3"], 19.0, 0.2, None),
        )
    ],
    "effects": {"mean": [[0.0, -1.0], [0.0, 1.2]], "deviation": [[0.0, 0.3], [0.0, 0.4]]},
}
LINEAGE = [
    ("branch-0", 2, "mle-s1", "a challenger, after phase 1"),
    ("branch-1", 0, None, "the leader again, from the start"),
    ("branch-2", 0, None, "a challenger, from the start"),
    ("branch-3", 0, None, "a challenger, from the start"),
]


def reports():
    for trial, (seed, _, first, scores) in TRAINED.items():
        role = {"role": "algorithm", "algorithm": "mle"} if trial.startswith("mle") else {"role": "branch"}
        for iteration, score in enumerate(scores, start=first):
            status = "diverged" if score is None else "finished" if iteration == 4 else "running"
            more = role | {"seed": seed, "status": status, "generation": first - 1}
            yield observation(trial, iteration, 100 * iteration, score, **MLE | more)


def write_branches(folder):
    """Write the exploration and return its folder."""
    writer = ResultsWriter.create(folder, MANIFEST | {"handover": HANDOVER})
    writer.append("observations", list(reports()))
    lineage = [
        {
            "exploration": "toy_space",
            "trial": trial,
            "generation": generation,
            "step": 100 * generation,
            "action": "clone" if donor else "start",
            "donor": donor,
            "knot": "{}",
            "path": "{}",
            "reason": f"{reason}: {NAMES[tuple(TRAINED[trial][1])]}",
            "decided_at": START,
        }
        for trial, generation, donor, reason in LINEAGE
    ]
    writer.append("lineage", lineage)
    return writer.folder
