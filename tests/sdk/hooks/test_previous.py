"""The same with the client libraries' last majors on httpx, and LiteLLM, in an environment of their own."""

from __future__ import annotations

import subprocess

import pytest
from conftest import needs_environment
from repository import ROOT
from tokentide_process import bare_environment

# Each file with what of it is about the libraries that are there. Of its own event loops LiteLLM leaves some open, and
# after it Python 3.11 now and then fails to import what hypothesis needs for its summary.
SUITE = {
    "hooks/test_conformance.py": ["-k", "openai or anthropic or mistral"],
    "hooks/test_raw_responses.py": [],
    "hooks/test_chaos.py": [],
    "hooks/test_plain.py": [],
    "hooks/test_openai.py": [],
    "hooks/test_bad_bodies.py": [],
    "hooks/test_mistral.py": [],
    "hooks/test_mistral_audio.py": [],
    "frameworks/test_litellm.py": [
        *("-W", "ignore::pytest.PytestUnraisableExceptionWarning"),
        *("-p", "no:hypothesispytest"),
    ],
}


@pytest.mark.parametrize("file", SUITE)
def test_the_suite_passes_with_the_majors_before(file: str) -> None:
    python = needs_environment("previous")
    path = ROOT / "tests" / "sdk" / file
    # The tests of the other programs have fixtures in the folders above, and need what is not installed there.
    options = ["-p", "no:cacheprovider", "--confcutdir", str(path.parent), *SUITE[file]]
    done = subprocess.run(
        [str(python), "-m", "pytest", *options, str(path)],
        cwd=ROOT,
        env=bare_environment() | {"PYTHONPATH": f"{ROOT / 'sdk'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert "skipped" not in done.stdout
