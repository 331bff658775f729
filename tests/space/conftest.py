import pytest

from .checking import no_type_checks


@pytest.fixture
def as_users_run():
    with no_type_checks():
        yield
