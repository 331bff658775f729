"""Results folders of earlier runs, without training."""

import json

from erpo_explore.store import ResultsWriter
from tests.store.example_rows import OBSERVATION, TRIAL


def write_runs(folder, runs, *, score_name="bleu", progress=1.0):
    """Results of runs: seed, path and last objective of each."""
    writer = ResultsWriter.create(folder, {"exploration": folder.name})
    for number, (seed, path, objective) in enumerate(runs):
        own = {"trial": f"t{number}", "seed": seed, "path": json.dumps(path.to_dict())}
        writer.append(
            "observations", [OBSERVATION | own | {"score": objective, "objective": objective, "progress": progress}]
        )
        writer.append("trials", [TRIAL | own | {"score_name": score_name}])
    return str(folder)
