"""A kernel over some columns of its input, so that scikit-learn's kernels can be multiplied over groups of columns.

    k_S(x, y) = k(x_S, y_S) for the columns S

scikit-learn's own kernels read all columns. Hyperparameters, bounds and gradients are those of the inner kernel.
"""

from typing import Any

import numpy as np
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel

__all__ = ["ColumnKernel"]


class ColumnKernel(Kernel):  # type: ignore[misc]  # scikit-learn has no types
    """A kernel over the columns `start` to `stop`."""

    def __init__(self, kernel: Kernel, start: int, stop: int) -> None:
        # scikit-learn clones by these names, and asks that nothing be changed here
        self.kernel = kernel
        self.start = start
        self.stop = stop

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments, and under `kernel__…` those of the inner kernel."""
        inner = self.kernel.get_params() if deep else {}
        own = {"kernel": self.kernel, "start": self.start, "stop": self.stop}
        return own | {f"kernel__{name}": value for name, value in inner.items()}

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        """The inner kernel's."""
        return list(self.kernel.hyperparameters)

    @property
    def theta(self) -> np.ndarray:
        """Logarithms of the inner kernel's free hyperparameters."""
        return np.asarray(self.kernel.theta)

    @theta.setter
    def theta(self, theta: np.ndarray) -> None:
        self.kernel.theta = theta

    @property
    def bounds(self) -> np.ndarray:
        """Bounds of `theta`."""
        return np.asarray(self.kernel.bounds)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ColumnKernel) and self.get_params(deep=False) == other.get_params(deep=False)

    def __hash__(self) -> int:
        return hash((self.start, self.stop))

    def __call__(self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False) -> Any:
        """The inner kernel of the columns, with its gradient where that is asked for."""
        others = None if Y is None else Y[:, self.start : self.stop]
        return self.kernel(X[:, self.start : self.stop], others, eval_gradient)

    def diag(self, X: np.ndarray) -> np.ndarray:
        """The inner kernel's diagonal."""
        return np.asarray(self.kernel.diag(X[:, self.start : self.stop]))

    def is_stationary(self) -> bool:
        """As the inner kernel is."""
        return bool(self.kernel.is_stationary())

    def __repr__(self) -> str:
        return f"{self.kernel!r} of columns {self.start}–{self.stop - 1}"
