from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from analyzers.config import AnalyzersConfig
from analyzers.embedders import open_embedder
from analyzers.embedders.embedder import EmbedderError

OFFLINE_AND_HOMELESS = """
import socket
from analyzers.config import AnalyzersConfig
from analyzers.embedders import open_embedder
socket.socket.connect = None
print(open_embedder(AnalyzersConfig()).embed(["Where is my card?"]).shape)
"""


def test_the_static_embedder_writes_nothing_into_the_home_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE_AND_HOMELESS],
        env={"HOME": str(tmp_path)},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("(1, 256)\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_answered_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbedderError, match=r"tokentide-server\[drift\]"):
        open_embedder(AnalyzersConfig(embedder="sentence_transformers"))


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
def test_a_folder_without_a_model_is_refused(folder: Path | None) -> None:
    with pytest.raises(EmbedderError, match="embedder_model must be a folder"):
        open_embedder(AnalyzersConfig(embedder="sentence_transformers", embedder_model=folder))


def test_an_unknown_embedder_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="static, sentence_transformers"):
        AnalyzersConfig(embedder="word2vec")
