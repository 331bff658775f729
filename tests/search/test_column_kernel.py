import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern

from erpo_explore.search.column_kernel import ColumnKernel

X = np.random.default_rng(1).random((7, 4))
Y = np.random.default_rng(2).random((3, 4))


def product():
    return ConstantKernel(2.0) * ColumnKernel(Matern([0.3, 0.7], nu=2.5), 0, 2) * ColumnKernel(RBF(0.5), 2, 3)


def test_it_sees_its_columns_alone():
    expected = 2.0 * Matern([0.3, 0.7], nu=2.5)(X[:, :2], Y[:, :2]) * RBF(0.5)(X[:, 2:3], Y[:, 2:3])
    assert product()(X, Y) == pytest.approx(expected)
    assert product()(X) == pytest.approx(product()(X, X))
    assert product().diag(X) == pytest.approx(np.diag(product()(X)))


def test_its_gradient_is_that_of_its_values():
    kernel = product()
    _, gradient = kernel(X, eval_gradient=True)
    numeric = approx_fprime(kernel.theta, lambda theta: kernel.clone_with_theta(theta)(X).ravel(), 1e-7)
    assert gradient.reshape(-1, 4) == pytest.approx(numeric, abs=1e-5)


def test_scikit_learn_can_clone_it_and_change_the_clone():
    kernel = product()
    other = clone(kernel)
    assert other == kernel
    other.theta = kernel.theta + 1.0
    assert other != kernel
    assert kernel == product()
    assert kernel.bounds.shape == (len(kernel.theta), 2)
    assert [h.n_elements for h in kernel.hyperparameters] == [1, 2, 1]
