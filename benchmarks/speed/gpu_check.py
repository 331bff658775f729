"""Checks that need a GPU: the tests marked `gpu`, then step times in one table.

    make gpu-check PYTHON=python3

Runs from a checkout with any Python ≥ 3.11 that has PyTorch for CUDA. Nothing is installed or downloaded. Missing
packages are listed. Without a GPU the check prints a message and succeeds. This module imports the standard library
alone until it has looked for the other packages.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["missing_wheels"]

_ROOT: Final = Path(__file__).parents[2]

WHEELS: Final = {
    "torch": "torch",
    "numpy": "numpy",
    "jaxtyping": "jaxtyping",
    "pydantic": "pydantic",
    "pydantic_core": "pydantic-core",
    "annotated_types": "annotated-types",
    "typing_inspection": "typing-inspection",
    "typing_extensions": "typing-extensions",
    "yaml": "pyyaml",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "sacrebleu": "sacrebleu",
    "portalocker": "portalocker",
    "regex": "regex",
    "tabulate": "tabulate",
    "colorama": "colorama",
    "lxml": "lxml",
    "rouge_score": "rouge-score",
    "absl": "absl-py",
    "nltk": "nltk",
    "six": "six",
    "tokenizers": "tokenizers",
    "pytest": "pytest",
}
"""Package of each module that a training run and its tests import, directly or indirectly."""


def missing_wheels() -> list[str]:
    """Packages that this Python lacks."""
    return [wheel for module, wheel in WHEELS.items() if importlib.util.find_spec(module) is None]


def main() -> int:
    """Look, test, measure; returns 0 if all is well or there is no GPU."""
    has_driver = shutil.which("nvidia-smi") is not None or Path("/dev/nvidiactl").exists()
    missing = missing_wheels()
    sees_gpu = "torch" not in missing and _torch_sees_gpu()
    if not (has_driver or sees_gpu):
        print("gpu-check: no NVIDIA GPU on this machine, nothing was checked")
        return 0
    if missing:
        print(_remedy(missing))
        return 1
    if not sees_gpu:
        print(f"gpu-check: there is a GPU, but the PyTorch of {sys.executable} does not see it; install one for CUDA")
        return 1
    return _test() or _measure()


def _remedy(missing: list[str]) -> str:
    version, names = f"{sys.version_info.major}.{sys.version_info.minor}", " ".join(missing)
    return (
        f"gpu-check: {sys.executable} lacks {names}; on a machine with a network, run\n"
        f"  pip download --no-deps --only-binary=:all: --python-version {version} -d wheels {names}\n"
        f"and on this machine\n"
        f"  {sys.executable} -m pip install --no-index --no-deps wheels/*.whl"
    )


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _test() -> int:
    """Run the tests marked `gpu`, without the pytest options of the project, whose plugins may be missing."""
    options = ["-o", "addopts=", "-W", "default", "-p", "no:cacheprovider", "--confcutdir", "tests/gpu"]
    command = [sys.executable, "-m", "pytest", "tests/gpu", "-m", "gpu", "-q", "--tb=short", *options]
    return subprocess.run(command, cwd=_ROOT, check=False).returncode


def _measure() -> int:
    import torch

    from benchmarks.speed.training_step import CASES, Variant, compare
    from benchmarks.studies.multi30k import multi30k

    device = torch.device("cuda")
    # compilation takes minutes, so three cases: no draws, draws without the model, draws from it
    few = {name: CASES[name] for name in ("mle", "raml", "spg")}
    variants = {
        Variant(): CASES,
        Variant(precision="bf16"): CASES,
        Variant(precision="bf16", compiled=True): few,
    }
    comparison = compare(multi30k(None), variants, device=device, rounds=15, warm=150)
    print(comparison.report(device))
    return 1 if any("compiled" not in name for name in comparison.left_out) else 0


if __name__ == "__main__":
    sys.exit(main())
