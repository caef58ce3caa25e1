"""The same with the client libraries' last majors on httpx, in an environment of their own."""

from __future__ import annotations

import subprocess

import pytest
from conftest import needs_environment
from repository import ROOT
from tokentide_process import bare_environment

# Each file with what of it is about these two libraries.
SUITE = {
    "test_conformance.py": "openai or anthropic",
    "test_raw_responses.py": "",
    "test_chaos.py": "",
    "test_plain.py": "",
    "test_openai.py": "",
    "test_bad_bodies.py": "",
}


@pytest.mark.parametrize("file", SUITE)
def test_the_suite_passes_with_the_majors_before(file: str) -> None:
    python = needs_environment("previous")
    folder = ROOT / "tests" / "sdk" / "hooks"
    # The tests of the other programs have fixtures in the folders above, and need what is not installed there.
    options = ["-p", "no:cacheprovider", "--confcutdir", str(folder), "--hypothesis-profile", "ci"]
    done = subprocess.run(
        [str(python), "-m", "pytest", *options, "-k", SUITE[file], str(folder / file)],
        cwd=ROOT,
        env=bare_environment() | {"PYTHONPATH": f"{ROOT / 'sdk'}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
