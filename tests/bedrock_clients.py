"""botocore's client of Amazon Bedrock, and the three of its calls whose answers the app reads by itself."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import boto3
import botocore.exceptions
from bedrock_server import INPUT, OUTPUT, TEXT, BedrockServer
from botocore.config import Config
from client_suite import PROMPT, Expected, first

MESSAGES = [
    {"role": "user", "content": [{"text": "An older question"}]},
    {"role": "assistant", "content": [{"text": "An older answer"}]},
    {"role": "user", "content": [{"text": PROMPT}]},
]
CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": MESSAGES}
_LIMITS = {"temperature": 0.5, "maxTokens": 64}


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


class BedrockCaller:
    """botocore's client for the suite of all of them: `chat` is Converse, `generate` is InvokeModel."""

    def __init__(self, server: BedrockServer, operation: str, url: str = "") -> None:
        self._server, self._operation, self._url = server, operation, url or server.url
        self.expected = Expected(
            provider="aws.bedrock",
            operation=operation,
            errors={
                "refused": botocore.exceptions.ClientError,
                "failed": botocore.exceptions.ClientError,
                "unreachable": botocore.exceptions.EndpointConnectionError,
                "slow": botocore.exceptions.ReadTimeoutError,
            },
            codes={
                "failed": ("InternalServerException",),
                "unreachable": ("EndpointConnectionError",),
                "slow": ("ReadTimeoutError",),
                "cut": ("ProtocolError", "IncompleteRead", "ResponseStreamingError"),
            },
            refused={"error_code": "ThrottlingException"},
            names_model=False,
            response=TEXT,
            tells_parameters=operation == "chat",
        )

    def at(self, url: str) -> BedrockCaller:
        return BedrockCaller(self._server, self._operation, url)

    def told(self) -> tuple[str, dict[str, int]]:
        told = {"input_tokens": INPUT, "cache_read_tokens": self._server.cached, "output_tokens": OUTPUT}
        return f"request-{len(self._server.asked)}", told

    def unary(self, model: str, attempts: int = 3, timeout: float | None = None) -> Any:
        runtime = self._client(attempts, timeout)
        if self._operation == "chat":
            return runtime.converse(modelId=model, messages=MESSAGES, inferenceConfig=_LIMITS)["output"]
        body = runtime.invoke_model(modelId=model, body=json.dumps(CLAUDE | {"temperature": 0.5}))["body"]
        return body.read()

    def stream(self, model: str, take: int | None = None, attempts: int = 3) -> tuple[Any, list[Any]]:
        runtime = self._client(attempts, None)
        with closing(stream(runtime, model) if self._operation == "chat" else invoke_stream(runtime, model)) as opened:
            return opened, first(opened, take)

    def _client(self, attempts: int, timeout: float | None) -> Any:
        return client(self._url, attempts=attempts, **({} if timeout is None else {"read_timeout": timeout}))


def open_caller(server: BedrockServer, way: str, operation: str) -> BedrockCaller:
    """The caller for one row of the suite."""
    return BedrockCaller(server, operation)
