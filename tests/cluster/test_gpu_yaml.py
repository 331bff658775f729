"""The cluster file for AWS; no cloud is contacted."""

from typing import Any

import botocore.session
import botocore.validate
import pytest

from .cloud import CloudFileConformance
from .conformance import REPOSITORY


def violations(node: dict[str, Any]) -> str:
    """Errors of EC2's model, as in botocore, for the arguments with which Ray requests a machine."""
    ec2 = botocore.session.Session().get_service_model("ec2")
    asked = node | {"MinCount": 1, "MaxCount": 1}
    shape = ec2.operation_model("RunInstances").input_shape
    return botocore.validate.ParamValidator().validate(asked, shape).generate_report()


class TestGpuYaml(CloudFileConformance):
    file = REPOSITORY / "cluster" / "gpu.yaml"
    library = "boto3"
    placeholder = "PASTE-AN-AMI-ID-HERE"

    def is_spot(self, node: dict[str, Any]) -> bool:
        return node.get("InstanceMarketOptions", {}).get("MarketType") == "spot"

    def image(self, node: dict[str, Any]) -> str:
        return node["ImageId"]

    @pytest.mark.parametrize("kind", ["head", "worker"])
    def test_ec2_has_every_field(self, cluster: dict[str, Any], kind: str) -> None:
        assert violations(self.nodes(cluster)[kind]) == ""

    @pytest.mark.parametrize(
        ("field", "value"),
        [("InstanceTyp", "g5.xlarge"), ("ImageId", 5), ("InstanceMarketOptions", {"Market": "spot"})],
    )
    def test_a_wrong_field_would_be_found(self, cluster: dict[str, Any], field: str, value: Any) -> None:
        assert field in violations(self.nodes(cluster)["worker"] | {field: value})

    def test_ec2_accepts_the_market_and_the_disk(self, cluster: dict[str, Any]) -> None:
        ec2 = botocore.session.Session().get_service_model("ec2")
        worker = self.nodes(cluster)["worker"]
        assert worker["InstanceMarketOptions"]["MarketType"] in ec2.shape_for("MarketType").enum
        assert worker["BlockDeviceMappings"][0]["Ebs"]["VolumeType"] in ec2.shape_for("VolumeType").enum
        assert worker["InstanceType"] in ec2.shape_for("InstanceType").enum
