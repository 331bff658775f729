"""Fixtures and settings for the tests of cluster files."""

import pytest

# pytest then explains their asserts as those of test files
pytest.register_assert_rewrite("tests.cluster.conformance", "tests.cluster.cloud")
