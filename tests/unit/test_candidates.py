"""What a measurement hangs on."""

from pathlib import Path

import pytest

from earwitness.hardware import probe
from earwitness.kit import Kit
from earwitness.models import candidates
from earwitness.plugins import Found


def test_a_measurement_ends_with_the_program_it_was_made_with(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = next(found.spec for found in kit.engines if found.name == "whispercpp_server")
    assert spec is not None
    entry = next(iter(kit.catalog.shown()))
    monkeypatch.setattr(spec, "formats", (entry.format,))

    def key() -> str:
        (found,), _ = candidates.of([entry], [Found(spec.name, spec, None)], probe.machine(), 1)
        return found.key

    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("a program")
    second.write_text("a program")
    monkeypatch.setenv("EARWITNESS_WHISPERCPP_SERVER", str(first))
    told = [key()]
    assert key() == told[0]
    first.write_text("a newer program")
    told.append(key())
    monkeypatch.setenv("EARWITNESS_WHISPERCPP_SERVER", str(second))
    told.append(key())
    second.unlink()
    told.append(key())
    assert len(set(told)) == 4
