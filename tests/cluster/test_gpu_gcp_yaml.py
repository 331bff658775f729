"""The cluster file for Google Cloud; no cloud is contacted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import googleapiclient
import pytest

from .cloud import CloudFileConformance
from .conformance import REPOSITORY

DISCOVERY = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / "compute.v1.json"
TYPES = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    """Schemas of Compute Engine's API, as in Google's library."""
    return json.loads(DISCOVERY.read_text(encoding="utf-8"))["schemas"]


def violations(value: Any, schema: dict[str, Any], schemas: dict[str, Any], field: str) -> Iterator[str]:
    """Yield the fields of a value that violate a schema of the discovery document."""
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    if not isinstance(value, TYPES[schema["type"]]):
        yield f"{field}: must be {schema['type']}, got {value!r}"
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from violations(inner, schema["properties"][name], schemas, f"{field}.{name}")
            else:
                yield f"{field}.{name}: is unknown"
    elif isinstance(value, list):
        for inner in value:
            yield from violations(inner, schema["items"], schemas, field)
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{field}: must be one of {schema['enum']}, got {value!r}"


class TestGpuGcpYaml(CloudFileConformance):
    file = REPOSITORY / "cluster" / "gpu-gcp.yaml"
    library = "google-api-python-client"
    placeholder = "YOUR-PROJECT-ID"

    def is_spot(self, node: dict[str, Any]) -> bool:
        return node["scheduling"]["provisioningModel"] == "SPOT"

    def image(self, node: dict[str, Any]) -> str:
        (disk,) = node["disks"]
        return disk["initializeParams"]["sourceImage"]

    @pytest.mark.parametrize("kind", ["head", "worker"])
    def test_compute_engine_has_every_field(self, cluster: dict[str, Any], schemas: dict[str, Any], kind: str) -> None:
        # int64 is text in JSON; the API also accepts a number
        node = self.nodes(cluster)[kind]
        for disk in node["disks"]:
            disk["initializeParams"]["diskSizeGb"] = str(disk["initializeParams"]["diskSizeGb"])
        assert list(violations(node, {"$ref": "Instance"}, schemas, kind)) == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("machinetype", "g2-standard-4"),
            ("scheduling", {"provisioningModel": "CHEAP"}),
            ("scheduling", [{"preemptible": True}]),
            ("guestAccelerators", [{"type": "nvidia-l4"}]),
        ],
    )
    def test_a_wrong_field_would_be_found(
        self, cluster: dict[str, Any], schemas: dict[str, Any], field: str, value: Any
    ) -> None:
        node = self.nodes(cluster)["head"] | {"disks": [], field: value}
        (violation,) = violations(node, {"$ref": "Instance"}, schemas, "head")
        assert field in violation

    def test_a_machine_with_a_gpu_is_not_migrated(self, cluster: dict[str, Any]) -> None:
        scheduling = [node["scheduling"] for node in self.nodes(cluster).values()]
        assert all(each["onHostMaintenance"] == "TERMINATE" for each in scheduling)

    def test_a_reclaimed_spot_machine_leaves_no_disk(self, cluster: dict[str, Any]) -> None:
        assert self.nodes(cluster)["worker"]["scheduling"]["instanceTerminationAction"] == "DELETE"

    def test_the_zone_lies_in_the_region(self, cluster: dict[str, Any]) -> None:
        assert cluster["provider"]["availability_zone"].startswith(cluster["provider"]["region"] + "-")
