"""The region in the names of the clouds' hosts, whichever provider's model runs there."""

from __future__ import annotations

import re
from typing import Final

_BEDROCK: Final = re.compile(r"(?:^|\.)bedrock-(?:runtime|mantle)(?:-fips)?\.([a-z0-9-]+)\.")


def of_bedrock(host: str) -> str:
    """Amazon's region in the name of one of Bedrock's hosts; empty for any other host."""
    found = _BEDROCK.search(host)
    return found[1] if found else ""


def of_vertex(host: str) -> str:
    """Vertex AI runs `europe-west4-aiplatform.…` there, `aiplatform.eu.rep.…` in the EU, `aiplatform.…` anywhere."""
    first, _, rest = host.partition(".")
    if first.endswith("-aiplatform"):
        return first.removesuffix("-aiplatform")
    if first != "aiplatform":
        return ""
    return rest.partition(".")[0] if rest.endswith("rep.googleapis.com") else "global"
