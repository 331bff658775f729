"""The cluster of cloud GPUs on Google Cloud; nothing here reaches a cloud."""

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
    """Of Compute Engine's API, as Google's library ships them."""
    return json.loads(DISCOVERY.read_text(encoding="utf-8"))["schemas"]


def complaints(value: Any, schema: dict[str, Any], schemas: dict[str, Any], place: str) -> Iterator[str]:
    """Where a value does not fit a schema of the discovery document."""
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    if not isinstance(value, TYPES[schema["type"]]):
        yield f"{place}: must be {schema['type']}, got {value!r}"
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in schema["properties"]:
                yield from complaints(inner, schema["properties"][name], schemas, f"{place}.{name}")
            else:
                yield f"{place}.{name}: is unknown"
    elif isinstance(value, list):
        for inner in value:
            yield from complaints(inner, schema["items"], schemas, place)
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{place}: must be one of {schema['enum']}, got {value!r}"


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
    def test_compute_engine_knows_every_field(
        self, cluster: dict[str, Any], schemas: dict[str, Any], kind: str
    ) -> None:
        # int64 is text in JSON, and the API reads a number as well
        node = self.nodes(cluster)[kind]
        for disk in node["disks"]:
            disk["initializeParams"]["diskSizeGb"] = str(disk["initializeParams"]["diskSizeGb"])
        assert list(complaints(node, {"$ref": "Instance"}, schemas, kind)) == []

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("machinetype", "g2-standard-4"),
            ("scheduling", {"provisioningModel": "CHEAP"}),
            ("scheduling", [{"preemptible": True}]),
            ("guestAccelerators", [{"type": "nvidia-l4"}]),
        ],
    )
    def test_compute_engine_would_complain_of_a_slip(
        self, cluster: dict[str, Any], schemas: dict[str, Any], field: str, value: Any
    ) -> None:
        node = self.nodes(cluster)["head"] | {"disks": [], field: value}
        (complaint,) = complaints(node, {"$ref": "Instance"}, schemas, "head")
        assert field in complaint

    def test_a_machine_with_a_gpu_is_not_asked_to_move(self, cluster: dict[str, Any]) -> None:
        scheduling = [node["scheduling"] for node in self.nodes(cluster).values()]
        assert all(each["onHostMaintenance"] == "TERMINATE" for each in scheduling)

    def test_a_spot_machine_that_was_taken_leaves_no_disk_to_pay_for(self, cluster: dict[str, Any]) -> None:
        assert self.nodes(cluster)["worker"]["scheduling"]["instanceTerminationAction"] == "DELETE"

    def test_the_zone_lies_in_the_region(self, cluster: dict[str, Any]) -> None:
        assert cluster["provider"]["availability_zone"].startswith(cluster["provider"]["region"] + "-")
