from pathlib import Path
from uuid import uuid4

import pytest

from erpo_explore.errors import ConfigError, ResultsError
from erpo_explore.store.files import Folder, as_location, join, write_aside


@pytest.fixture(params=["path", "file", "memory", "s3"])
def location(request, tmp_path):
    """A folder of each kind that is not there yet, as a user names it."""
    name = f"of {uuid4().hex}"
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/{uuid4().hex}"
    return {"path": tmp_path / name, "file": f"file://{tmp_path}/{uuid4().hex}", "memory": f"memory://{uuid4().hex}"}[
        request.param
    ]


def test_a_file_is_read_back_replaced_and_deleted(location):
    folder = Folder.at(location)
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


def test_a_folder_within_is_made_and_listed(location):
    within = Folder.at(location).within("observations")
    within.make()
    within.write("x", b"1")
    assert [entry.base_name for entry in Folder.at(location).entries()] == ["observations"]
    assert Folder.at(join(location, "observations")).read("x") == b"1"
    assert str(within.location_of("x")) == str(join(location, "observations", "x"))


def test_a_file_is_written_under_its_own_name(location):
    Folder.at(location).make()
    write_aside(join(location, "report.html"), b"<p>")
    assert Folder.at(location).read("report.html") == b"<p>"


def test_a_missing_file_is_named(location):
    folder = Folder.at(location)
    folder.make()
    with pytest.raises(ResultsError, match=r"cannot read .*nothing\.yaml"):
        folder.read("nothing.yaml")


@pytest.mark.parametrize("uri", ["nowhere://bucket/x", "s3://", "s3://key:secret@/x?oddity=1"])
def test_an_unopenable_uri_is_named_with_a_remedy(uri):
    with pytest.raises(ResultsError, match=r"(s3|nowhere)://.*( cannot be opened|is not a location| names no folder)"):
        Folder.at(uri)


def test_a_missing_bucket_is_named(bucket):
    with pytest.raises(ResultsError, match=r"cannot make s3://no-such-bucket/x"):
        Folder.at("s3://no-such-bucket/x").make()


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_name_is_refused(text):
    with pytest.raises(ConfigError, match="name is empty"):
        as_location(text)


def test_a_path_stays_a_path():
    assert as_location("results/a") == Path("results/a")
    assert as_location("s3://b/a") == "s3://b/a"
