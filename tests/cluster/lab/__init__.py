"""A real cluster of several machines on one machine: network namespaces on a bridge, each with its own sshd.

    laptop 10.99.0.1 ──┐
    head   10.99.0.2 ──┼── bridge, in its own namespace: the network of the host is not changed
    node-1 10.99.0.3 ──┤
    node-2 10.99.0.4 ──┘

A machine (`boot.sh`) has its own host name, processes, shared memory, one processor, and its own disk. The disk holds
its home and its /tmp, so no machine sees the files of another. Killing a machine ends all its processes. A machine with
a cut link cannot be reached. On a full disk, every write fails. `ray up` and `ray submit` run on the laptop.

A machine shares two things with the host: the operating system, read-only, and the project's installed dependencies.
Its ~/erpo-venv exists from the start, made from the environment that runs the lab (`image.py`), since the installation
of torch on three machines takes minutes and gigabytes. The commands of the cluster file find the dependencies and
install the package.

Left out: `python3 -m venv` and downloads from PyPI.
"""

from tests.cluster.lab.lab import PROGRAMS, Lab, LabError
from tests.cluster.lab.machine import Machine

__all__ = ["PROGRAMS", "Lab", "LabError", "Machine"]
