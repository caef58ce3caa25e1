"""HTTPS over loopback, with certificates that only these tests know."""

from __future__ import annotations

from pathlib import Path

import certificates
import pytest
from certificates import Files
from events import a_call
from tokentide.config import load as sdk_settings
from tokentide.transports.http import HttpTransport
from tokentide.transports.transport import TransportUnavailable
from tokentide_process import running_up, tokentide

from collector.senders import digest_of
from server.config import Config, ConfigError, ServerConfig, load
from server.remote import Remote
from server.tls import check_tls, only_this_certificate


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return certificates.make(tmp_path, "127.0.0.1")


def variables(files: Files) -> dict[str, str]:
    return {
        "TOKENTIDE_SERVER__TLS_CERTIFICATE": str(files.certificate),
        "TOKENTIDE_SERVER__TLS_KEY": str(files.key),
        "TOKENTIDE_COLLECTOR__TOKENS": f'{{"search": {{"sha256": ["{digest_of("secret")}"], "team": "search"}}}}',
    }


def send(endpoint: str, ca_file: Path | str, token: str = "secret") -> str:
    """What the SDK's own transport says about an event, or what was answered to it."""
    transport = HttpTransport(sdk_settings({}, endpoint=endpoint, ca_file=str(ca_file), token=token))
    try:
        transport.send([a_call(team="rich").to_json()], 10)
        return transport.answered
    except TransportUnavailable as error:
        return str(error)
    finally:
        transport.close()


def test_events_and_questions_go_over_tls(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_up(tmp_path, **variables(files)) as up:
        assert up.address.startswith("https://127.0.0.1:")
        assert send(up.address, files.issuer) == '200 {"stored":1,"dead_letters":0}'
        assert "answered 401" in send(up.address, files.issuer, token="wrong")
        assert "CERTIFICATE_VERIFY_FAILED" in send(up.address, "")
        assert "No such file" in send(up.address, tmp_path / "nowhere")
        assert "does not answer" in send(up.address.replace("https", "http"), "")
        # The environment's word for it is a way as well.
        monkeypatch.setenv("SSL_CERT_FILE", str(files.issuer))
        assert send(up.address, "").startswith("200")
        monkeypatch.delenv("SSL_CERT_FILE")
        # The command line knows the certificate from the settings.
        port = {"TOKENTIDE_SERVER__PORT": up.address.rpartition(":")[2]}
        report = tokentide(tmp_path, "report", "cost", "--last", "30m", "--format", "csv", **variables(files), **port)
        assert (report.returncode, report.stdout.partition(",")[0]) == (0, "team")
        assert up.stop() == 0


def test_only_the_certificate_of_the_settings_is_trusted(tmp_path: Path, files: Files) -> None:
    (tmp_path / "other").mkdir()
    other = certificates.make(tmp_path / "other", "127.0.0.1")
    with running_up(tmp_path, **variables(files)) as up:
        port = int(up.address.rpartition(":")[2])
        mine, theirs = (
            Config(server=ServerConfig(port=port, tls_certificate=one.certificate, tls_key=one.key))
            for one in (files, other)
        )
        assert Remote(mine).get("/healthz") == {"status": "ok"}
        with pytest.raises(ConfigError, match="CERTIFICATE_VERIFY_FAILED"):
            Remote(theirs).get("/healthz")
        # Who issued it may have issued others.
        first, end, _ = other.certificate.read_text().partition("-----END CERTIFICATE-----\n")
        other.certificate.write_text(first + end + files.issuer.read_text())
        with pytest.raises(ConfigError, match="CERTIFICATE_VERIFY_FAILED"):
            Remote(theirs).get("/healthz")


def test_any_name_of_the_program_will_do_for_its_own_command_line(tmp_path: Path) -> None:
    files = certificates.make(tmp_path, "tokentide.example")
    with running_up(tmp_path, **variables(files)) as up:
        port = int(up.address.rpartition(":")[2])
        config = Config(server=ServerConfig(port=port, tls_certificate=files.certificate, tls_key=files.key))
        assert Remote(config).get("/healthz") == {"status": "ok"}
        assert "CERTIFICATE_VERIFY_FAILED" in send(up.address, files.issuer)


def spoil(files: Files, how: str) -> None:
    match how:
        case "no certificate":
            files.certificate.unlink()
        case "no key":
            files.key.unlink()
        case "certificate that is none":
            files.certificate.write_text("nonsense")
        case "key that is none":
            files.key.write_bytes(b"\xff")
        case "key of another":
            files.key.write_bytes(certificates.make(files.key.parent / "other", "127.0.0.1").key.read_bytes())
        case "key with a password":
            certificates.lock(files.key, b"secret")
        case "folder":
            files.key.unlink()
            files.key.mkdir()


@pytest.mark.parametrize(
    "how",
    [
        "no certificate",
        "no key",
        "certificate that is none",
        "key that is none",
        "key of another",
        "key with a password",
        "folder",
    ],
)
def test_files_that_cannot_be_used_are_a_sentence(tmp_path: Path, files: Files, how: str) -> None:
    (tmp_path / "other").mkdir()
    config = ServerConfig(tls_certificate=files.certificate, tls_key=files.key)
    check_tls(config)
    spoil(files, how)
    with pytest.raises(ConfigError, match="cannot be used: name the PEM files"):
        check_tls(config)


def test_a_program_without_its_certificate_says_so_and_does_not_start(tmp_path: Path, files: Files) -> None:
    files.certificate.unlink()
    found = tokentide(tmp_path, "up", "--port", "0", **variables(files))
    assert found.returncode == 1
    assert found.stderr.startswith("tokentide: server.tls_certificate ")
    assert len(found.stderr.splitlines()) == 1
    assert not (tmp_path / "tokentide-data").exists()


def test_one_of_the_two_files_is_not_enough(monkeypatch: pytest.MonkeyPatch, files: Files) -> None:
    monkeypatch.setenv("TOKENTIDE_SERVER__TLS_KEY", str(files.key))
    with pytest.raises(ConfigError, match="tls_certificate and tls_key belong together: set both"):
        load()


def test_a_certificate_that_is_none_is_not_trusted(files: Files) -> None:
    files.certificate.write_text("nonsense")
    with pytest.raises(ConfigError, match="is not the PEM file of a certificate"):
        only_this_certificate(files.certificate)
