"""What the tests of cluster files run under."""

import pytest

# its asserts explain themselves as those of test files do
pytest.register_assert_rewrite("tests.cluster.conformance")
