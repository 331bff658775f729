import errno
import tempfile

import pytest

from erpo_explore.tune.worker.disk_space import check_disk_space


@pytest.mark.tools("mount", "umount")
def test_a_full_disk_is_an_error_with_both_numbers(small_disk, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    check_disk_space(400_000)
    (small_disk / "filling").write_bytes(bytes(300_000))
    with pytest.raises(OSError, match=r"No space left .* bytes free under .*disk, a checkpoint takes 400,000") as full:
        check_disk_space(400_000)
    assert full.value.errno == errno.ENOSPC
