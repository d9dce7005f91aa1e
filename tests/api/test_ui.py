"""How the web UI's files are given out, built or not."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from earwitness import config
from earwitness.api import ui
from support.server import running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = config.load(home=tmp_path_factory.mktemp("home"), preload=False, log_level="error", api_key="sesame")
    with running(settings) as base:
        yield base


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of three files."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text(f"<!doctype html><head>{ui.BASE}</head>the page")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-1a2b.js").write_text("export {}")
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr(ui, "_built", lambda: found)
    return tmp_path


def test_the_page_stands_at_every_address_below_it(address: str, built: Path) -> None:
    for path in ("", "files", "t/r_0123", "index.html"):
        found = httpx.get(f"{address}/app/{path}")
        assert (found.status_code, found.headers["cache-control"]) == (200, "no-cache")
        assert '<base href="/app/" />' in found.text
        assert found.text.endswith("the page")
    assert httpx.get(address, follow_redirects=True).text.endswith("the page")


def test_its_files_are_kept_by_browsers_for_good_and_the_page_is_not(address: str, built: Path) -> None:
    asset = httpx.get(f"{address}/app/assets/index-1a2b.js")
    assert (asset.text, asset.headers["content-type"].partition(";")[0]) == ("export {}", "text/javascript")
    assert "immutable" in asset.headers["cache-control"]
    assert httpx.get(f"{address}/app/icon.svg").headers["cache-control"] == "no-cache"
    assert httpx.head(f"{address}/app/").status_code == 200


def test_what_it_does_not_have_is_not_given(address: str, built: Path) -> None:
    (built.parent / "secret").write_text("what nobody may read")
    assert httpx.get(f"{address}/app/assets/old-3c4d.js").status_code == 404
    for path in ("%2e%2e/secret", "..%2fsecret", "assets/..%2f..%2fsecret", "%2fetc%2fpasswd"):
        assert "nobody may read" not in httpx.get(f"{address}/app/{path}").text


def test_without_a_build_it_says_how_to_get_one(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "_built", dict)
    found = httpx.get(f"{address}/app/")
    assert found.status_code == 503
    assert "python tools/webui.py" in found.text
    assert "python tools/webui.py" in httpx.get(address, follow_redirects=True).text
