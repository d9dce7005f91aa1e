"""Times as people type them."""

import re

import typer


def seconds(given: str | float) -> float:
    """Seconds of `90`, `1:30`, `0:01:30.5`; anything else is a wrong command line."""
    if isinstance(given, (int, float)):
        return float(given)
    found = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)", given.strip())
    if not found:
        raise typer.BadParameter(f"{given!r} is no time; write 90, 1:30 or 0:01:30.5")
    hours, minutes, rest = found.groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest)


def when(at_s: float | None) -> str:
    """A moment of the Unix clock as people of this place read it; never for None."""
    from datetime import UTC, datetime

    return "never" if at_s is None else datetime.fromtimestamp(at_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
