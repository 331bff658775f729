"""A cluster file for `ray up`, checked before a machine is started: Ray's schema, and fields that users fill in."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import jsonschema

from erpo_explore.errors import ConfigError
from erpo_explore.plain_yaml import load_yaml

__all__ = ["ClusterFile", "load_cluster_file"]

_LEFT_TO_EDIT: Final = re.compile(r"\b(PASTE|YOUR)-[A-Z-]*[A-Z]\b")
"""Placeholders in our files that the user must replace, such as PASTE-AN-AMI-ID-HERE."""

_CLOUD_LIBRARIES: Final = {"aws": ("boto3", "boto3"), "gcp": ("googleapiclient", "google-api-python-client")}
"""Provider → module that Ray's launcher imports for it, and the package of that module."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFile:
    """A file that Ray's launcher accepts.

    Attributes:
        path: Path as the user wrote it.
        name: Name of the cluster.
        mounts: Remote path → local path of the files that are copied to every machine.
    """

    path: Path
    name: str
    mounts: Mapping[str, str]


def load_cluster_file(path: Path) -> ClusterFile:
    """Read and check a cluster file.

    Raises:
        ConfigError: The file is missing, no YAML, against Ray's schema, or has placeholders. Or this machine lacks a
            file or library that it needs.
    """
    written = _read(path)
    _check_schema(written, path)
    _check_filled_in(written, path)
    _check_key(written, path)
    _check_cloud_library(written, path)
    mounts = written.get("file_mounts") or {}
    _check_mounts(mounts, path)
    return ClusterFile(path=path, name=written["cluster_name"], mounts=mounts)


def _read(path: Path) -> Any:
    try:
        return load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"--cluster {path}: cannot be read ({error.strerror}); name a file such as cluster/gpu.yaml"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"--cluster {path}: is not UTF-8 text; save it as UTF-8") from error
    except ConfigError as error:
        raise ConfigError(f"--cluster {path}: {error}") from error


def _check_schema(written: Any, path: Path) -> None:
    """Check the file against Ray's schema, and report the first error in one line."""
    if isinstance(written, Mapping) and "apiVersion" in written:
        raise ConfigError(f"--cluster {path}: is for kubectl, not for ray up; see docs/howto/cluster.md, Kubernetes")
    try:
        jsonschema.validate(written, _ray_schema())
    except jsonschema.ValidationError as error:
        field = ".".join(str(part) for part in error.absolute_path) or "the file"
        why = error.message if len(error.message) <= 200 else f"{error.message[:200]} …"
        raise ConfigError(f"--cluster {path}: {field}: {why}; compare with cluster/gpu.yaml") from error
    kinds, head = written.get("available_node_types"), written.get("head_node_type")
    if kinds is not None and head not in kinds:
        raise ConfigError(
            f"--cluster {path}: head_node_type must be one of {', '.join(kinds)} (available_node_types), got {head!r}"
        )
    if written["provider"]["type"] == "local" and not written["provider"].get("head_ip"):
        raise ConfigError(f"--cluster {path}: provider.head_ip is missing; write the address of the head")


@cache
def _ray_schema() -> Any:
    """JSON schema of the installed Ray, found without importing Ray."""
    ray = find_spec("ray")
    folders = list(ray.submodule_search_locations or ()) if ray is not None else []
    for folder in folders:
        schema = Path(folder) / "autoscaler" / "ray-schema.json"
        if schema.is_file():
            return json.loads(schema.read_text(encoding="utf-8"))
    raise ConfigError("Ray's launcher is not installed here; pip install '.[cluster]'")


def _check_filled_in(written: Any, path: Path) -> None:
    """Check that no field holds a placeholder."""
    for field, text in _texts(written):
        found = _LEFT_TO_EDIT.search(text)
        if found is not None:
            raise ConfigError(
                f"--cluster {path}: {field} is still {found[0]}; the comment above it explains what to write"
            )


def _texts(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a YAML value, with its field."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Mapping | list):
        items = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, inner in items:
            yield from _texts(inner, f"{field}.{key}".lstrip("."))


def _check_key(written: Any, path: Path) -> None:
    key = (written.get("auth") or {}).get("ssh_private_key")
    if key is not None and not Path(key).expanduser().is_file():
        raise ConfigError(
            f"--cluster {path}: auth.ssh_private_key={key} does not exist; name the file of your key, or create one "
            "with ssh-keygen and add its .pub to ~/.ssh/authorized_keys of every machine"
        )


def _check_cloud_library(written: Any, path: Path) -> None:
    provider = written["provider"]["type"]
    module, package = _CLOUD_LIBRARIES.get(provider, (None, None))
    if module is not None and find_spec(module) is None:
        raise ConfigError(
            f"--cluster {path}: provider.type={provider} needs a library that is not installed; pip install {package}"
        )


def _check_mounts(mounts: Mapping[str, str], path: Path) -> None:
    """Check that mounted files exist, relative to the working directory. A missing token is created later."""
    for remote, local in mounts.items():
        if not Path(local).expanduser().exists() and not remote.endswith("/auth_token"):
            raise ConfigError(
                f"--cluster {path}: file_mounts: {local} does not exist in {Path.cwd()}; "
                "call this from the root of the checkout"
            )
