"""`tokentide token`: a new token, which is shown once, and what the settings keep of it."""

from __future__ import annotations

import secrets

from collector.senders import digest_of

_RANDOM_BYTES = 32


def describe(token: str) -> str:
    """What is printed about a new token."""
    return (
        f"token:  {token}\n"
        f"sha256: {digest_of(token)}\n"
        "\n"
        "Give the sender the token as its setting `token`; it is not shown again. The collector gets the hash:\n"
        "\n"
        "[collector.tokens.NAME]\n"
        f'sha256 = ["{digest_of(token)}"]\n'
        'team = ""\n'
        'app = ""'
    )


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(_RANDOM_BYTES)
