"""A real cluster of several machines on one machine: network namespaces on a bridge, each with its own sshd.

    laptop 10.99.0.1 ──┐
    head   10.99.0.2 ──┼── bridge, in a namespace of its own: the host's network is not touched
    node-1 10.99.0.3 ──┤
    node-2 10.99.0.4 ──┘

A machine (`boot.sh`) has its own host name, processes, shared memory, one processor, and a disk of its own, which
holds its home and its /tmp: nothing that one machine writes is seen by another. Kill it and all that it ran is dead;
cut its link and nothing reaches it; fill its disk and every write fails. The laptop is where `ray up` and `ray submit`
are typed.

What a machine has of the host is what is not copied for each: the operating system, which it only reads, and the
project's installed dependencies. Its ~/erpo-venv stands there already, made of the environment that runs the lab
(`image.py`), since installing torch on three machines takes minutes and gigabytes: the cluster file's own commands find
the dependencies satisfied and install the package. So `python3 -m venv` and downloads from PyPI are what a lab does
not try out.
"""

from tests.cluster.lab.lab import PROGRAMS, Lab, LabError
from tests.cluster.lab.machine import Machine

__all__ = ["PROGRAMS", "Lab", "LabError", "Machine"]
