"""Pin anew, with hashes, what pyproject.toml asks for: `make lock` (needs `uv` on PATH, which make installs).

Today's pins are kept where they still fit; `--upgrade` takes the newest releases. PyTorch's release and its CPU wheels
stand in torch-cpu.txt, which is written by hand: only PyTorch's own index has their hashes.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

FOLDER = Path(__file__).parent
PROJECT = FOLDER.parent / "pyproject.toml"
CUDA = re.compile(r"torch|triton|nvidia-.*|cuda-.*")
"""Packages that come with PyTorch's CUDA build alone, and PyTorch itself."""
HEADER = "# Written by `make lock`; docs/howto/install.md explains it.\n"


def pins(text: str) -> dict[str, str]:
    """Package name and its pin with hashes, from the text of a requirements file."""
    found: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        if name := re.match(r"[A-Za-z0-9][\w.-]*", line):
            last = re.sub(r"[-_.]+", "-", name[0]).lower()
            found[last] = found.get(last, "") + line
        elif line.startswith(" "):
            found[last] += line
    return found


def resolve(*requirements: str, known: str, options: tuple[str, ...] = ()) -> str:
    """What uv pins for all platforms, starting from the pins of `known`."""
    with TemporaryDirectory() as scratch:
        asked, answer = Path(scratch) / "asked.in", Path(scratch) / "pinned.txt"
        asked.write_text("\n".join(requirements), encoding="utf-8")
        answer.write_text(known, encoding="utf-8")
        lowest = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["requires-python"].removeprefix(">=")
        options = ("--universal", "--generate-hashes", "--no-annotate", "--no-header", *options)
        command = ["uv", "pip", "compile", "--quiet", "--python-version", f"{lowest}.0", *options]
        subprocess.run([*command, str(asked), "--output-file", str(answer)], check=True, cwd=FOLDER.parent)
        return answer.read_text(encoding="utf-8")


def write(name: str, chosen: dict[str, str]) -> None:
    """One requirements file, by name of the package."""
    (FOLDER / name).write_text(HEADER + "".join(chosen[key] for key in sorted(chosen)), encoding="utf-8")


def main() -> None:
    """Resolve everything together, then divide it by what needs it."""
    files = ["build.txt", "run.txt", "torch.txt", "test.txt", "cluster.txt"]
    known = "".join((FOLDER / name).read_text(encoding="utf-8") for name in files if (FOLDER / name).exists())
    release = re.search(r"^torch==([\d.]+)\+cpu", (FOLDER / "torch-cpu.txt").read_text(encoding="utf-8"), re.MULTILINE)
    if release is None:
        sys.exit("requirements/torch-cpu.txt: expected a line that begins with torch==RELEASE+cpu")
    build = [*tomllib.loads(PROJECT.read_text(encoding="utf-8"))["build-system"]["requires"], "editables", "setuptools"]
    torch = f"torch=={release[1]}"
    everything = pins(resolve(torch, *build, ".[dev,cluster]", known=known, options=tuple(sys.argv[1:])))
    fixed = "".join(everything.values())
    last: set[str] = {"erpo-explore", "."}
    for name, requirements in [
        ("build.txt", build),
        ("run.txt", [torch, "."]),
        ("test.txt", [torch, ".[dev]"]),
        ("cluster.txt", [torch, ".[dev,cluster]"]),
    ]:
        needed = set(pins(resolve(*requirements, known=fixed))) & set(everything)
        write(name, {key: everything[key] for key in needed - last if not CUDA.fullmatch(key)})
        last |= needed
    write("torch.txt", {key: pin for key, pin in everything.items() if CUDA.fullmatch(key)})
    lines = "".join(everything.values()).splitlines()
    versions = sorted(line.removesuffix("\\").strip() for line in lines if not line.startswith(" "))
    (FOLDER.parent / "constraints.txt").write_text(HEADER + "\n".join(versions) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
