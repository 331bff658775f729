"""An S3-compatible server of this machine, started for the tests that ask for a bucket."""

import logging
from collections.abc import Iterator
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def bucket(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URI of an empty bucket, which this process is allowed to use."""
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3_port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{uuid4().hex}"
    filesystem, path = fs.FileSystem.from_uri(f"s3://{name}?allow_bucket_creation=true")
    filesystem.create_dir(path)
    return f"s3://{name}"
