"""The cluster of cloud GPUs on AWS; nothing here reaches a cloud."""

from typing import Any

import botocore.session
import botocore.validate
import pytest

from .cloud import CloudFileConformance
from .conformance import REPOSITORY


def complaints(node: dict[str, Any]) -> str:
    """What EC2's own model, as botocore ships it, says against the arguments with which Ray asks for a machine."""
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
    def test_ec2_knows_every_field(self, cluster: dict[str, Any], kind: str) -> None:
        assert complaints(self.nodes(cluster)[kind]) == ""

    @pytest.mark.parametrize(
        ("field", "value"),
        [("InstanceTyp", "g5.xlarge"), ("ImageId", 5), ("InstanceMarketOptions", {"Market": "spot"})],
    )
    def test_ec2_would_complain_of_a_slip(self, cluster: dict[str, Any], field: str, value: Any) -> None:
        assert field in complaints(self.nodes(cluster)["worker"] | {field: value})

    def test_ec2_knows_the_market_and_the_disk(self, cluster: dict[str, Any]) -> None:
        ec2 = botocore.session.Session().get_service_model("ec2")
        worker = self.nodes(cluster)["worker"]
        assert worker["InstanceMarketOptions"]["MarketType"] in ec2.shape_for("MarketType").enum
        assert worker["BlockDeviceMappings"][0]["Ebs"]["VolumeType"] in ec2.shape_for("VolumeType").enum
        assert worker["InstanceType"] in ec2.shape_for("InstanceType").enum
