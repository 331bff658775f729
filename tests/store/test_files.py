from pathlib import Path
from uuid import uuid4

import pytest

from erpo_explore.errors import ResultsError
from erpo_explore.store.files import Folder, as_location, join, write_aside


@pytest.fixture(params=["path", "file", "memory", "s3"])
def place(request, tmp_path):
    """A folder of each kind that is not there yet, as a user names it."""
    name = f"of {uuid4().hex}"
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{uuid4().hex}"
    return {"path": tmp_path / name, "file": f"file://{tmp_path}/{uuid4().hex}", "memory": f"memory://{uuid4().hex}"}[
        request.param
    ]


def test_a_file_comes_back_is_replaced_and_goes(place):
    folder = Folder.at(place)
    assert folder.entries() == []
    folder.make()
    folder.write("a.txt", b"one")
    folder.write("a.txt", b"two")
    assert folder.read("a.txt") == b"two"
    assert [entry.base_name for entry in folder.entries()] == ["a.txt"]
    assert folder.has("a.txt")
    folder.delete("a.txt")
    folder.delete("a.txt")
    assert not folder.has("a.txt")
    assert folder.entries() == []


def test_a_folder_within_is_made_and_listed(place):
    within = Folder.at(place).within("observations")
    within.make()
    within.write("x", b"1")
    assert [entry.base_name for entry in Folder.at(place).entries()] == ["observations"]
    assert Folder.at(join(place, "observations")).read("x") == b"1"
    assert str(within.location_of("x")) == str(join(place, "observations", "x"))


def test_a_file_is_written_by_its_own_name(place):
    Folder.at(place).make()
    write_aside(join(place, "report.html"), b"<p>")
    assert Folder.at(place).read("report.html") == b"<p>"


def test_a_missing_file_is_named(place):
    folder = Folder.at(place)
    folder.make()
    with pytest.raises(ResultsError, match=r"cannot read .*nothing\.yaml"):
        folder.read("nothing.yaml")


@pytest.mark.parametrize("uri", ["nowhere://bucket/x", "s3://", "s3://key:secret@/x?oddity=1"])
def test_a_uri_that_nothing_opens_is_named_with_what_to_do(uri):
    with pytest.raises(ResultsError, match=r"(s3|nowhere)://.*( cannot be opened|is not a location| names no folder)"):
        Folder.at(uri)


def test_a_bucket_that_is_not_there_is_named(bucket):
    with pytest.raises(ResultsError, match=r"cannot make s3://no-such-bucket/x"):
        Folder.at("s3://no-such-bucket/x").make()


def test_a_path_stays_a_path():
    assert as_location("results/a") == Path("results/a")
    assert as_location("s3://b/a") == "s3://b/a"
