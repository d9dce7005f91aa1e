"""A server that Home Assistant finds, for each file of tests that wants one, and servers that can be killed."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from support.assistant import assisting
from support.processes import Processes


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, str]]:
    """A server with a port for Wyoming: that port, and the address of the other doors."""
    with assisting(home=tmp_path_factory.mktemp("wyoming")) as found:
        yield found


@pytest.fixture
def port(house: tuple[int, str]) -> int:
    return house[0]


@pytest.fixture
def servers() -> Iterator[Processes]:
    """Servers in processes of their own, ended with the test."""
    with closing(Processes()) as found:
        yield found
