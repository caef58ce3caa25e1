"""Mistral's client library under the same names in all of its majors, and the HTTP library that it is built on."""

from __future__ import annotations

import importlib.metadata
import inspect
from importlib import import_module
from typing import Any

_IS_FIRST = importlib.metadata.version("mistralai").startswith("1.")
_CLIENT = "mistralai" if _IS_FIRST else "mistralai.client"
_utilities = import_module(f"{_CLIENT}.utils")
_Azure: Any = import_module("mistralai_azure" if _IS_FIRST else "mistralai.azure.client").MistralAzure

HTTP: Any = import_module(f"{_CLIENT}.basesdk").httpx
Mistral: Any = import_module(_CLIENT).Mistral
SDKError: Any = import_module(f"{_CLIENT}.{'models' if _IS_FIRST else 'errors'}").SDKError


def azure_client(address: str, http: Any) -> Any:
    """Its client for Azure, which sends with `http`."""
    if _IS_FIRST:
        return _Azure(azure_api_key="key", azure_endpoint=address, client=http)
    return _Azure(api_key="key", server_url=address, client=http)


def retrying(patience_ms: int | None) -> Any:
    """Its retries as fast as they can be; it counts no tries but goes on for so long. None for no retries."""
    known = inspect.signature(_utilities.BackoffStrategy).parameters
    jitter = {"jitter_ms": 1} if "jitter_ms" in known else {}
    backoff = _utilities.BackoffStrategy(1, 10, 1.0, patience_ms or 1, **jitter)
    return _utilities.RetryConfig("backoff" if patience_ms else "none", backoff, patience_ms is not None)
