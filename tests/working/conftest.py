"""An archive and a kit of doubles, for what works through the queue."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from earwitness import config
from earwitness.archive.whole import Archive
from earwitness.config import Settings
from support.voices import Hearer, hearer


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Settings whose home is the test's own."""
    return config.load(home=tmp_path / "home", workers=1)


@pytest.fixture
def doubles(own: Settings) -> Iterator[Hearer]:
    """A kit with the fake engine and a detector of loudness."""
    with hearer(own) as made:
        yield made


@pytest.fixture
def archive(own: Settings) -> Iterator[Archive]:
    """Its archive."""
    with closing(Archive(own.archive, own.kept)) as made:
        yield made
