"""The cluster file for Kubernetes: pods against the models of Kubernetes, the rest against KubeRay's API reference."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from kubernetes.client import models

from .conformance import REPOSITORY

CLUSTER_FOLDER = REPOSITORY / "cluster"

# Fields of KubeRay's API (ray.io/v1) that the file uses, from https://ray-project.github.io/kuberay/reference/api/, and
# Kubernetes' own types by the names of its Python client.
KUBERAY = {
    "RayClusterSpec": {
        "rayVersion": "str",
        "enableInTreeAutoscaling": "bool",
        "autoscalerOptions": "AutoscalerOptions",
        "headGroupSpec": "HeadGroupSpec",
        "workerGroupSpecs": "list[WorkerGroupSpec]",
    },
    "AutoscalerOptions": {"idleTimeoutSeconds": "int", "env": "list[V1EnvVar]"},
    "HeadGroupSpec": {"serviceType": "str", "rayStartParams": "dict(str, str)", "template": "V1PodTemplateSpec"},
    "WorkerGroupSpec": {
        "groupName": "str",
        "replicas": "int",
        "minReplicas": "int",
        "maxReplicas": "int",
        "rayStartParams": "dict(str, str)",
        "template": "V1PodTemplateSpec",
    },
}
PLAIN = {"str": str, "int": int, "bool": bool}


def fields(kind: str) -> dict[str, str]:
    """JSON name → type of the fields of a model."""
    if kind in KUBERAY:
        return KUBERAY[kind]
    model = getattr(models, kind)
    return {json_name: model.openapi_types[name] for name, json_name in model.attribute_map.items()}


def violations(value: Any, kind: str, field: str) -> Iterator[str]:
    """Yield the fields of a value that violate a type of Kubernetes or KubeRay."""
    if inner := re.fullmatch(r"[Ll]ist\[(.+)\]", kind):
        for item in value if isinstance(value, list) else [value]:
            yield from violations(item, inner[1], field)
    elif inner := re.fullmatch(r"[Dd]ict[\[(]str, (.+)[\])]", kind):
        # a Kubernetes quantity, such as a number of GPUs, may be a text or a number
        quantities = re.search(r"\.(requests|limits)$", field) is not None
        for name, item in value.items():
            if not quantities or not isinstance(item, int | str):
                yield from violations(item, inner[1], f"{field}.{name}")
    elif kind in PLAIN:
        if type(value) is not PLAIN[kind]:
            yield f"{field}: must be {kind}, got {value!r}"
    elif not isinstance(value, dict):
        yield f"{field}: must be {kind}, got {value!r}"
    else:
        known = fields(kind)
        yield from (f"{field}.{name}: is unknown to {kind}" for name in value if name not in known)
        for name in value.keys() & known.keys():
            yield from violations(value[name], known[name], f"{field}.{name}")


@pytest.fixture
def documents() -> dict[str, dict[str, Any]]:
    """Kind → document of the file."""
    text = (CLUSTER_FOLDER / "kuberay.yaml").read_text(encoding="utf-8")
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture
def spec(documents: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return documents["RayCluster"]["spec"]


@pytest.fixture
def pods(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Pod of each group, the head first."""
    return [group["template"]["spec"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]


def test_kuberay_has_every_field(spec: dict[str, Any]) -> None:
    assert list(violations(spec, "RayClusterSpec", "spec")) == []


@pytest.mark.parametrize(
    ("kind", "version", "model"),
    [
        ("PersistentVolumeClaim", "v1", "V1PersistentVolumeClaim"),
        ("NetworkPolicy", "networking.k8s.io/v1", "V1NetworkPolicy"),
    ],
)
def test_kubernetes_has_every_field(documents: dict[str, dict[str, Any]], kind: str, version: str, model: str) -> None:
    assert documents[kind]["apiVersion"] == version
    assert list(violations(documents[kind], model, kind)) == []


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"img": "x"}, "img: is unknown to V1Container"),
        ({"env": [{"name": "A", "value": 0}]}, "value: must be str, got 0"),
        ({"volumeMounts": [{"name": "a", "path": "/"}]}, "path: is unknown"),
    ],
)
def test_a_wrong_field_would_be_found(spec: dict[str, Any], container: dict[str, Any], expected: str) -> None:
    spec["headGroupSpec"]["template"]["spec"]["containers"] = [container]
    (violation,) = violations(spec, "RayClusterSpec", "spec")
    assert expected in violation


def test_every_container_requires_the_token_and_sends_no_usage(
    spec: dict[str, Any], pods: list[dict[str, Any]]
) -> None:
    for env in (spec["autoscalerOptions"]["env"], *(pod["containers"][0]["env"] for pod in pods)):
        given = {variable["name"]: variable for variable in env}
        assert given["RAY_AUTH_MODE"]["value"] == "token"
        assert given["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {
            "name": "erpo-explore-token",
            "key": "auth_token",
        }
        assert given["RAY_USAGE_STATS_ENABLED"]["value"] == "0"


def test_the_secret_is_made_as_the_pods_read_it() -> None:
    text = (CLUSTER_FOLDER / "kuberay.yaml").read_text(encoding="utf-8")
    assert "kubectl create secret generic erpo-explore-token --from-file=auth_token=" in text


def test_only_the_clusters_own_pods_reach_it(documents: dict[str, dict[str, Any]]) -> None:
    policy, name = documents["NetworkPolicy"]["spec"], documents["RayCluster"]["metadata"]["name"]
    own = {"podSelector": {"matchLabels": {"ray.io/cluster": name}}}
    assert policy == own | {"policyTypes": ["Ingress"], "ingress": [{"from": [own]}]}


def test_no_service_has_an_external_address(spec: dict[str, Any], pods: list[dict[str, Any]]) -> None:
    assert spec["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert spec["headGroupSpec"]["rayStartParams"]["dashboard-host"] == "127.0.0.1"
    assert not any(pod.get("hostNetwork") or "ports" in pod["containers"][0] for pod in pods)


def test_pods_are_unprivileged(pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        }
    assert [pod["automountServiceAccountToken"] for pod in pods] == [True, False]


def test_every_mounted_volume_exists(documents: dict[str, dict[str, Any]], pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }
    claims = [volume["persistentVolumeClaim"]["claimName"] for volume in pods[0]["volumes"] if len(volume["name"]) > 3]
    assert claims == [documents["PersistentVolumeClaim"]["metadata"]["name"]]


def test_ray_is_the_version_that_is_pinned(spec: dict[str, Any]) -> None:
    assert f"\nray=={spec['rayVersion']}\n" in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8")


def test_the_image_has_the_files_of_the_build() -> None:
    text = (CLUSTER_FOLDER / "Dockerfile").read_text(encoding="utf-8")
    copied = {source for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for source in line.split()[:-1]}
    assert copied == {"pyproject.toml", "constraints.txt", "README.md", "search_spaces", "erpo_explore"}
    assert "-c constraints.txt '.[cluster,hub]'" in text


def test_the_image_runs_as_the_user_of_the_pods(pods: list[dict[str, Any]]) -> None:
    text = (CLUSTER_FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert {pod["securityContext"]["runAsUser"] for pod in pods} == {int(re.findall(r"--uid (\d+)", text)[0])}
