"""A folder uploaded with boto3, in parts of 64 MiB, four at once. Runs in the peers' environment."""

import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

how, url, source, bucket, target = sys.argv[1:]
unchecked = {"request_checksum_calculation": "when_required", "s3": {"payload_signing_enabled": False}}
client = boto3.client("s3", endpoint_url=url, config=Config(**(unchecked if how == "unchecked" else {})))
in_parts = TransferConfig(multipart_threshold=64 << 20, multipart_chunksize=64 << 20, max_concurrency=4)
for folder, _, names in os.walk(source):
    for name in names:
        path = os.path.join(folder, name)
        client.upload_file(path, bucket, f"{target}/{os.path.relpath(path, source)}", Config=in_parts)
