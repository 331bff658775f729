"""A small exploration, written through the real writer: 3 baselines on 2 seeds, 4 members over 5 generations.

After generation 1 the worst member, m3, clones m0; after generation 3 the worst, m2, clones m1 and becomes the best of
all. One more random trial diverges. The first source sentence is hostile.
"""

import math
from datetime import UTC, datetime, timedelta

from erpo_explore.store import ResultsWriter

START = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
MANIFEST = {
    "exploration": "toy_space",
    "seed": 11,
    "versions": {"python": "3.11.9", "torch": "2.9.0"},
    "git_commit": "0123abc",
}
HOSTILE = "</script><script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
NUM_GENERATIONS = 5
STEPS = 100

POINTS = {
    "mle": {"alpha": 0.0, "beta": 1.0, "rho": 0.0, "tau": 1.0, "reward_truth": 1.0},
    "raml": {"alpha": 0.0, "beta": 0.4, "rho": 0.0, "tau": 0.4, "reward_task": 1.0, "metric": "bleu"},
    "policy_gradient": {
        "alpha": math.inf,
        "beta": 0.0,
        "rho": 1.0,
        "tau": math.inf,
        "reward_task": 1.0,
        "metric": "bleu",
    },
}
ALGORITHM_BEST = {("mle", 1): 20.0, ("mle", 2): 21.0, ("raml", 1): 22.0, ("raml", 2): 22.5}
ALGORITHM_BEST |= {("policy_gradient", 1): 12.0, ("policy_gradient", 2): 15.0}
# score of each member at the end of each generation 0..4
MEMBER_SCORES = {
    "m0": [10.0, 14.0, 18.0, 21.0, 23.0],
    "m1": [9.0, 13.0, 17.0, 22.0, 24.0],
    "m2": [8.0, 12.0, 15.0, 17.0, 24.5],
    "m3": [7.0, 9.0, 17.5, 19.0, 22.0],
}
CLONES = {("m3", 2): "m0", ("m2", 4): "m1"}


def observation(trial, iteration, step, score, **more):
    """One row, with zero reward weights where none are given."""
    row = {
        "exploration": "toy_space",
        "trial": trial,
        "iteration": iteration,
        "generation": 0,
        "task": "toy",
        "model": "lstm",
        "step": step,
        "progress": step / (STEPS * NUM_GENERATIONS),
        "reward_truth": 0.0,
        "reward_noise": 0.0,
        "reward_task": 0.0,
        "reward_model": 0.0,
        "prefix": "q",
        "label": "sampled",
        "score": score,
        "objective": score,
        "bleu": score,
        "signature": "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1",
        "elapsed_s": step / 10,
        "device": "cpu",
        "status": "finished" if step == STEPS * NUM_GENERATIONS else "running",
        "path": "{}",
        "reported_at": START + timedelta(seconds=step),
        "node": "laptop",
    }
    return row | more


def algorithm_rows():
    for (algorithm, seed), best in ALGORITHM_BEST.items():
        for iteration in range(1, NUM_GENERATIONS + 1):
            score = best - (NUM_GENERATIONS - iteration) * 1.5
            trial = f"run_{algorithm}_{seed}"
            yield observation(
                trial,
                iteration,
                iteration * STEPS,
                score,
                role="algorithm",
                algorithm=algorithm,
                seed=seed,
                **POINTS[algorithm],
            )


def member_rows():
    for index, (member, scores) in enumerate(MEMBER_SCORES.items()):
        for generation, score in enumerate(scores):
            noise, task, model = 0.02 * index, 0.08 * generation + 0.03 * index, 0.04 + 0.02 * generation
            point = {"alpha": 0.1 * generation, "beta": 1.0 - 0.1 * generation, "rho": 0.1 * generation, "tau": 1.0}
            point["tau"] = 1.0 - 0.05 * index
            point |= {"reward_noise": noise, "reward_task": task, "reward_model": model, "metric": "bleu"}
            point["reward_truth"] = 1.0 - noise - task - model
            step = (generation + 1) * STEPS
            more = {"role": "member", "seed": 11, "generation": generation}
            yield observation(f"run_{member}", generation + 1, step, score, **point, **more)


def diverged_rows():
    common = {"role": "random", "seed": 5, **POINTS["raml"]}
    yield observation("run_random_0", 1, STEPS, 3.0, **common)
    yield observation(
        "run_random_0", 2, 2 * STEPS, None, **common | {"status": "diverged", "train_loss_nats": math.nan}
    )


def decisions():
    for member, scores in MEMBER_SCORES.items():
        for generation in range(NUM_GENERATIONS):
            donor = CLONES.get((member, generation))
            before = generation - 1
            yield {
                "exploration": "toy_space",
                "trial": f"run_{member}",
                "generation": generation,
                "step": generation * STEPS,
                "action": "start" if generation == 0 else "clone" if donor else "continue",
                "donor": f"run_{donor}" if donor else None,
                "score": scores[before] if generation else None,
                "donor_score": MEMBER_SCORES[donor][before] if donor else None,
                "rank": 1,
                "population": 4,
                "knot": "{}",
                "path": "[]",
                "reason": "begins" if generation == 0 else "better beyond noise" if donor else "among the best",
                "decided_at": START + timedelta(seconds=generation * STEPS),
            }


def samples():
    for trial in ("run_m2", "run_raml_2"):
        for index, source in enumerate([HOSTILE, "ein kleines Haus steht am See", "der Hund schläft"]):
            yield {
                "exploration": "toy_space",
                "trial": trial,
                "iteration": NUM_GENERATIONS,
                "step": NUM_GENERATIONS * STEPS,
                "index": index,
                "source": source,
                "reference": "a small house stands by the lake",
                "hypothesis": "a small house is at the lake",
                "sentence_score": 37.5 + index,
            }


def write_example(folder):
    """Write the whole exploration and return its folder."""
    writer = ResultsWriter.create(folder, MANIFEST)
    writer.append("observations", [*algorithm_rows(), *member_rows(), *diverged_rows()])
    writer.append("lineage", list(decisions()))
    writer.append("samples", list(samples()))
    return writer.folder
