"""What the tests of cluster files run under."""

import pytest

# their asserts explain themselves as those of test files do
pytest.register_assert_rewrite("tests.cluster.conformance", "tests.cluster.cloud")
