"""An invalid cluster file is refused with a one-line error, before a machine is started."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from erpo_explore.errors import ConfigError
from erpo_explore.launch import cluster_file, load_cluster_file

from .conftest import CLUSTER

REPOSITORY = Path(__file__).parents[2]


def load(folder: Path, **changed: Any) -> Any:
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(copy.deepcopy(CLUSTER) | changed))
    return load_cluster_file(file)


def test_a_good_file_gives_its_name_and_mounts(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert (found.name, found.mounts) == ("test", CLUSTER["file_mounts"])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"setup_command": []}, "the file: Additional properties .*setup_command"),
        ({"max_workers": "four"}, "max_workers: 'four' is not of type 'integer'"),
        ({"auth": {"user": "me"}}, "auth: Additional properties"),
        ({"provider": {"type": "local"}}, "provider.head_ip is missing"),
        ({"provider": {"type": "local", "head_ip": "YOUR-HEAD"}}, "provider.head_ip is still YOUR-HEAD"),
        (
            {"auth": {"ssh_user": "me", "ssh_private_key": "/no/key"}},
            "ssh_private_key=/no/key does not exist.*ssh-keygen",
        ),
        ({"file_mounts": {"~/x": "no_such_folder"}}, "no_such_folder does not exist in .*root of the checkout"),
        ({"available_node_types": {"a": {"resources": {}, "node_config": {}}}, "head_node_type": "b"}, "one of a"),
        ({"apiVersion": "ray.io/v1"}, "is for kubectl"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, changed: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load(tmp_path, **changed)


def test_gpu_yaml_is_refused_until_an_image_is_pasted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(ConfigError, match=r"head\.node_config\.ImageId is still PASTE-AN-AMI-ID-HERE"):
        load_cluster_file(Path("cluster/gpu.yaml"))


def test_gpu_yaml_with_an_image_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(REPOSITORY)
    edited = tmp_path / "gpu.yaml"
    edited.write_text(Path("cluster/gpu.yaml").read_text().replace("PASTE-AN-AMI-ID-HERE", "ami-0123456789abcdef0"))
    assert load_cluster_file(edited).name == "erpo-explore"


def test_a_library_of_the_cloud_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cluster_file._CLOUD_LIBRARIES, "aws", ("no_such_module", "boto3"))
    with pytest.raises(ConfigError, match="pip install boto3"):
        load(tmp_path, provider={"type": "aws", "region": "us-west-2"})


@pytest.mark.parametrize(
    "text",
    ["a: [", "!!python/object/apply:os.system ['touch pwned']", "\x00", "- a", "", "[" * 5000, "a: 2024-13-45"],
)
def test_a_file_of_another_kind_is_a_one_line_error(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_cluster_file(file)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "pwned").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nix\.yaml: cannot be read \(No such file"):
        load_cluster_file(tmp_path / "nix.yaml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load_cluster_file(tmp_path / "cluster.yaml")


def test_a_list_that_contains_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text("cluster_name: &a [*a]\nprovider: {type: local}\n")
    with pytest.raises(ConfigError):
        load_cluster_file(tmp_path / "cluster.yaml")
