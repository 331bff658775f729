"""The driver's disk, used from another node of Ray's and compared with pyarrow's local file system."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from pyarrow import fs
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from erpo_explore.store.files import Folder
from erpo_explore.tune.storage import storage_of
from tests.tune.ray_warnings import RAY_WARNINGS

pytestmark = [
    pytest.mark.ray,
    *RAY_WARNINGS,
]

LARGE = np.random.default_rng(0).bytes(3 * 32 * 1024 * 1024 + 7)
"""More than three of the chunks in which files travel."""


@pytest.fixture(scope="module")
def other_node(shared_ray: Any, one_slot: str) -> Iterator[Callable[..., Any]]:
    """Call to run a function on another node than the driver's."""
    node = shared_ray.add_node(num_cpus=0)
    there = NodeAffinitySchedulingStrategy(node.node_id, soft=False)

    def run(function: Callable[..., Any], *args: Any) -> Any:
        return ray.get(ray.remote(function).options(scheduling_strategy=there, num_cpus=0).remote(*args))

    yield run
    shared_ray.remove_node(node)


@pytest.fixture
def storage(other_node: Callable[..., Any], tmp_path: Path) -> tuple[fs.FileSystem, str]:
    """The storage of an empty folder."""
    filesystem, path = storage_of(tmp_path)
    assert path == str(tmp_path)
    return filesystem, path


def _listed(filesystem: fs.FileSystem, path: str, *, recursive: bool = True) -> list[tuple[Any, ...]]:
    found = filesystem.get_file_info(fs.FileSelector(path, recursive=recursive, allow_not_found=True))
    return sorted((info.path, info.type.name, info.size, info.mtime_ns) for info in found)


def _write(filesystem: fs.FileSystem, path: str, content: bytes) -> None:
    with filesystem.open_output_stream(path) as stream:
        stream.write(content)


def _read(filesystem: fs.FileSystem, path: str) -> bytes:
    with filesystem.open_input_stream(path) as stream:
        return stream.read()


def test_a_file_written_on_another_node_lies_on_the_drivers_disk(other_node, storage, tmp_path) -> None:
    filesystem, path = storage
    other_node(_write, filesystem, f"{path}/large", LARGE)
    assert [file.name for file in tmp_path.iterdir()] == ["large"]
    assert (tmp_path / "large").read_bytes() == LARGE


def test_a_file_on_the_drivers_disk_is_read_on_another_node(other_node, storage, tmp_path) -> None:
    filesystem, path = storage
    (tmp_path / "large").write_bytes(LARGE)
    assert other_node(_read, filesystem, f"{path}/large") == LARGE


def test_a_file_is_read_from_any_offset(other_node, storage, tmp_path) -> None:
    filesystem, path = storage
    (tmp_path / "file").write_bytes(b"0123456789")

    def read_apart(filesystem: fs.FileSystem, file: str) -> tuple[int, bytes, bytes]:
        with filesystem.open_input_file(file) as opened:
            opened.seek(7)
            end = opened.read(10)
            opened.seek(2)
            return opened.size(), end, opened.read(3)

    assert other_node(read_apart, filesystem, f"{path}/file") == (10, b"789", b"234")


def test_only_other_nodes_use_the_actor(other_node, storage) -> None:
    filesystem, _ = storage

    def uses_actor(filesystem: fs.FileSystem) -> bool:
        return filesystem.handler.remote is not None

    assert other_node(uses_actor, filesystem)
    assert not uses_actor(filesystem)


@pytest.mark.parametrize("recursive", [True, False])
def test_a_listing_equals_that_of_the_local_file_system(other_node, storage, tmp_path, recursive: bool) -> None:
    filesystem, path = storage
    (tmp_path / "trial" / "checkpoint").mkdir(parents=True)
    (tmp_path / "trial" / "checkpoint" / "state.pt").write_bytes(b"weights")
    expected = _listed(fs.LocalFileSystem(), path, recursive=recursive)
    assert len(expected) == (3 if recursive else 1)
    found = other_node(lambda filesystem: _listed(filesystem, path, recursive=recursive), filesystem)
    assert found == expected
    assert _listed(filesystem, path, recursive=recursive) == expected


def test_the_listing_of_a_missing_folder_is_empty(other_node, storage) -> None:
    filesystem, path = storage
    assert other_node(_listed, filesystem, f"{path}/nowhere") == []


def test_folders_are_created_moved_copied_and_deleted(other_node, storage, tmp_path) -> None:
    filesystem, path = storage

    def change(filesystem: fs.FileSystem) -> None:
        filesystem.create_dir(f"{path}/a/b", recursive=True)
        _write(filesystem, f"{path}/a/b/file", b"content")
        filesystem.copy_file(f"{path}/a/b/file", f"{path}/a/copy")
        filesystem.move(f"{path}/a/copy", f"{path}/a/moved")
        filesystem.delete_dir(f"{path}/a/b")

    other_node(change, filesystem)
    assert [(file.name, file.read_bytes()) for file in (tmp_path / "a").iterdir()] == [("moved", b"content")]


def test_a_folder_is_sent_both_ways_as_tune_sends_checkpoints(other_node, storage, tmp_path) -> None:
    filesystem, path = storage
    (tmp_path / "sent").mkdir()
    (tmp_path / "sent" / "state.pt").write_bytes(LARGE)
    (tmp_path / "aside").mkdir()

    def there_and_back(filesystem: fs.FileSystem, aside: str) -> None:
        fs.copy_files(f"{path}/sent", aside, source_filesystem=filesystem)
        fs.copy_files(aside, f"{path}/returned", destination_filesystem=filesystem)

    filesystem.create_dir(f"{path}/returned")
    other_node(there_and_back, filesystem, str(tmp_path / "aside"))
    assert (tmp_path / "returned" / "state.pt").read_bytes() == LARGE


def test_a_missing_file_raises_the_same_error_as_locally(other_node, storage) -> None:
    filesystem, path = storage

    def kind_of_error(filesystem: fs.FileSystem) -> str:
        try:
            filesystem.open_input_file(f"{path}/missing")
        except OSError as error:
            return type(error).__name__
        return "none"

    assert other_node(kind_of_error, filesystem) == kind_of_error(fs.LocalFileSystem()) == "FileNotFoundError"


@pytest.mark.parametrize("outside", ["..", "../sibling", "link/file"])
def test_paths_outside_the_results_folder_are_refused(other_node, storage, tmp_path, outside: str) -> None:
    filesystem, path = storage
    (tmp_path / "link").symlink_to(tmp_path.parent)
    (tmp_path.parent / "file").write_bytes(b"not ours")

    def read(filesystem: fs.FileSystem) -> None:
        filesystem.get_file_info(f"{path}/{outside}")

    with pytest.raises(PermissionError, match="does not lie in the results folder"):
        other_node(read, filesystem)


def test_a_file_system_pickles_as_its_folder_alone(storage, tmp_path) -> None:
    filesystem, _ = storage
    again = pickle.loads(pickle.dumps(filesystem))
    assert again == filesystem
    assert again.handler.root == str(tmp_path)


def test_a_uri_has_its_own_file_system() -> None:
    filesystem, path = storage_of("memory://somewhere/results")
    assert (filesystem, path) == (Folder.at("memory://somewhere/results").filesystem, "/somewhere/results")
