"""HTTPS of the programs, and of the command line that asks them."""

from __future__ import annotations

import ssl
from pathlib import Path

from server.config import ConfigError, ServerConfig

_END = "-----END CERTIFICATE-----"


def check_tls(config: ServerConfig) -> None:
    """Raises ConfigError when the certificate or its key cannot be used."""
    if config.tls_certificate is None:
        return
    # Without a word of its own for a password, the library would ask the terminal for one.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(config.tls_certificate, config.tls_key, password="")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"server.tls_certificate {config.tls_certificate} and server.tls_key {config.tls_key} cannot be used: name "
            f"the PEM files of a certificate and of its key without a password ({error})"
        ) from error


def only_this_certificate(file: Path) -> ssl.SSLContext:
    """What a client trusts that asks the program of its own settings: the one certificate there, under any name.

    Raises ConfigError when the file does not hold a certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        first, end, _ = file.read_text("ascii").partition(_END)
        context.load_verify_locations(cadata=first + end)
    except (OSError, ValueError) as error:
        raise ConfigError(f"server.tls_certificate {file} is not the PEM file of a certificate ({error})") from error
    return context
