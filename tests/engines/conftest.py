"""What tests of several engines share."""

from pathlib import Path

import pytest

from support import subjects


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small Whisper in a GGML file."""
    return subjects.micro("ggml", tmp_path_factory.mktemp("ggml")).files["model"]
