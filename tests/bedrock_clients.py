"""botocore's client of Amazon Bedrock, and the three of its calls whose answers the app reads by itself."""

from __future__ import annotations

import json
from typing import Any

import boto3
from botocore.config import Config

PROMPT = "How do I top up my card?"
MESSAGES = [
    {"role": "user", "content": [{"text": "An older question"}]},
    {"role": "assistant", "content": [{"text": "An older answer"}]},
    {"role": "user", "content": [{"text": PROMPT}]},
]
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": MESSAGES}


def client(url: str, service: str = "bedrock-runtime", **options: Any) -> Any:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
    retries = {"total_max_attempts": options.pop("attempts", 3), "mode": "standard"}
    config = Config(retries=retries, **options)
    return boto3.client(service, region_name="us-east-1", endpoint_url=url, config=config, **keys)


def stream(runtime: Any, model: str) -> Any:
    return runtime.converse_stream(modelId=model, messages=MESSAGES)["stream"]


def invoke(runtime: Any, model: str) -> Any:
    return runtime.invoke_model(modelId=model, body=json.dumps(CLAUDE))["body"]


def invoke_stream(runtime: Any, model: str) -> Any:
    return runtime.invoke_model_with_response_stream(modelId=model, body=json.dumps(CLAUDE))["body"]
