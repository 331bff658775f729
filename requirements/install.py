"""Install what running, testing or a cluster needs: `python requirements/install.py ENVIRONMENT run|test|cluster`.

The packages are those of this folder's files, with their hashes. pip installs them, so all that this machine's pip is
configured with holds: index, find-links, constraints, certificates. What is installed already is left alone, and then
no network is needed. TORCH=cpu or TORCH=cuda chooses PyTorch's build; otherwise it is the CPU build where pip finds it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def torch_file(python: str) -> str:
    """The requirements file of the PyTorch build for this machine."""
    pin = re.search(r"^torch==(\S+)", (HERE / "torch-cpu.txt").read_text(encoding="utf-8"), re.MULTILINE)
    cpu = pin[1] if pin else ""
    wanted = os.environ.get("TORCH", "")
    if wanted not in ("", "cpu", "cuda"):
        sys.exit(f"TORCH: expected cpu or cuda, not {wanted}")
    query = "import importlib.metadata as m; print(*(d.version for d in m.distributions() if d.name == 'torch'))"
    installed = subprocess.run([python, "-c", query], capture_output=True, text=True, check=True).stdout.strip()
    if not wanted and installed:
        return "torch-cpu.txt" if installed.endswith("+cpu") else "torch.txt"
    if wanted == "cuda" and installed.endswith("+cpu"):  # it would satisfy the pin
        subprocess.run([python, "-m", "pip", "uninstall", "-qq", "--yes", "torch"], check=True)
    if not wanted and sys.platform != "linux":  # one build for each machine
        wanted = "cuda"
    if not wanted:
        seen = subprocess.run([python, "-m", "pip", "index", "versions", "torch"], capture_output=True, text=True)
        if seen.returncode != 0:
            sys.exit(f"pip finds no release of torch:\n{seen.stderr.strip()}")
        wanted = "cpu" if re.search(rf"\b{re.escape(cpu)}(,|\s|$)", seen.stdout) else "cuda"
    if wanted == "cuda" and sys.platform == "linux" and not Path("/proc/driver/nvidia").exists():
        print("PyTorch comes with CUDA, several GB, and this machine has no NVIDIA driver.", file=sys.stderr)
        print("docs/howto/install.md says how to get the CPU build.", file=sys.stderr)
    return "torch-cpu.txt" if wanted == "cpu" else "torch.txt"


def main() -> None:
    """Create the environment where it is missing, and install what is missing from it."""
    if sys.version_info < (3, 11):  # noqa: UP036 - make runs any Python
        sys.exit("Python >= 3.11 is needed; make PYTHON=python3.12 ...")
    folder, kind = Path(sys.argv[1]), sys.argv[2]
    print(f"Installing into {folder} what `{kind}` needs and it lacks; the first time takes minutes.", flush=True)
    python = str(folder / "bin" / "python")
    if not (folder / "bin" / "python").exists() or not (folder / "bin" / "pip").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)

    def pip(*arguments: str) -> None:
        # bytecode is written when a module is first imported, for the few that ever are; warnings name empty indexes
        command = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", "--no-compile"]
        if subprocess.run([*command, "--no-build-isolation", *arguments]).returncode != 0:
            hint = "; docs/howto/install.md says where the CPU build is" if "torch-cpu" in arguments[-1] else ""
            sys.exit(f"pip could not install {arguments[-1]}: its message is above{hint}")

    def locked(*names: str) -> None:
        pip("--require-hashes", *(word for name in names for word in ("-r", str(HERE / name))))

    if kind == "run":
        locked("build.txt")
        locked("run.txt", torch_file(python))
        pip("-e", str(HERE.parent))
    else:
        locked(f"{kind}.txt")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:  # what failed has printed why
        sys.exit(error.returncode)
