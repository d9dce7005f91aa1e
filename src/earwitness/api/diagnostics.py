"""The door for finding faults: the last lines of the log, and as a zip everything that helps others to find one.

What was said, names of people and of files, and secrets are in neither.
"""

import asyncio
import io
import json
import os
import platform
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, SecretStr

from earwitness.__about__ import __version__
from earwitness.api import house
from earwitness.api.history import Moment
from earwitness.api.house import House
from earwitness.api.schemas import PlainError
from earwitness.api.system import columns
from earwitness.config import Settings
from earwitness.tail import HIDDEN, KEPT, clean
from earwitness.types import Json

DOCTOR_S = 120.0
"""How long the doctor may look."""

LEAST = 4
"""Letters of a secret that is looked for: shorter ones would be found everywhere."""

router = APIRouter(
    tags=["Earwitness"], responses={s: {"model": PlainError, "description": "An error"} for s in (400, 401, 403)}
)


class LogLine(BaseModel):
    """A line of the log: what happened, in which request, and facts about it."""

    number: int
    at_s: float
    level: str
    event: str
    request: str
    facts: dict[str, object]


class LogPage(BaseModel):
    """Lines, oldest first. `newest` is the number of the last one there is; it begins anew with each `started_s`.

    `log_level` is the least that is written down at all.
    """

    lines: list[LogLine]
    newest: int
    started_s: float
    log_level: str


@router.get("/api/system/logs", summary="The last lines of the log")
async def logs(
    request: Request,
    level: Annotated[Literal["debug", "info", "warning", "error"], Query(description="This and above.")] = "info",
    after: Annotated[int, Query(ge=0, description="Number of the last line that was seen.")] = 0,
    limit: Annotated[int, Field(ge=1, le=KEPT)] = 500,
) -> LogPage:
    """As far as they are in memory, without secrets."""
    home = house.of(request)
    found = home.tail.lines(level=level, after=after, most=limit)
    return LogPage(
        lines=[LogLine(**asdict(line)) for line in found],
        newest=home.tail.newest,
        started_s=home.started,
        log_level=home.settings.log_level,
    )


@router.get(
    "/api/system/diagnostics",
    summary="What helps to find a fault",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}, "description": "A zip of JSON files"}},
)
async def diagnostics(request: Request) -> Response:
    """What the doctor finds, versions, settings, figures and the last lines of the log. Takes some seconds."""
    home = house.of(request)
    found = await asyncio.to_thread(bundle, home)
    name = f"earwitness-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.zip"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(found, media_type="application/zip", headers=headers)


def bundle(home: House) -> bytes:
    """The zip. Not on the event loop."""
    said: dict[str, Json] = {
        "doctor.json": _doctor(home.settings),
        "versions.json": _versions(),
        "settings.json": settings(home.settings),
        "logs.json": [asdict(line) for line in home.tail.lines()],
        "history.json": {"recent": _table(home.history.recent), "day": _table(home.history.minutes)},
        "now.json": _now(home),
    }
    files = {name: json.dumps(what, indent=1, default=str) for name, what in said.items()}
    files["metrics.txt"] = home.metrics.text().decode()
    hide = _secrets(home)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as into:
        for name, text in files.items():
            into.writestr(name, _without(text, hide))
    return made.getvalue()


def _table(moments: Iterable[Moment]) -> Json:
    return {name: list(values) for name, values in columns(moments).items()}


def settings(told: Settings) -> dict[str, Json]:
    """The settings as they may be shown: of secrets only whether they are set."""
    return {
        name: (HIDDEN if value else None) if isinstance(value, SecretStr) else clean(name, value)
        for name, value in told
        if name in Settings.model_fields
    }


def _secrets(home: House) -> Mapping[str, str]:
    """What must not be in any file, and what stands there instead: secrets, and the user's name in paths."""
    given = [value.get_secret_value() for _, value in home.settings if isinstance(value, SecretStr)]
    found = {secret: HIDDEN for secret in (*given, home.access.setup_code) if len(secret) >= LEAST}
    person = str(Path.home())
    return found | ({person: "~"} if len(person) >= LEAST else {})


def _without(text: str, hide: Mapping[str, str]) -> str:
    for secret, instead in hide.items():
        for written in {secret, json.dumps(secret)[1:-1]}:
            text = text.replace(written, instead)
    return text


def _doctor(told: Settings) -> Json:
    """What `earwitness doctor` says, in a process of its own: it loads a model to try it."""
    home = {"EARWITNESS_HOME": told.home, "EARWITNESS_MODELS": told.models_folder}
    environment = {**os.environ, **{name: str(path) for name, path in home.items()}}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "earwitness", "doctor", "--json"],
            env=environment, timeout=DOCTOR_S, capture_output=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        found: Json = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        return {"failed": type(error).__name__}
    return found


def _versions() -> Json:
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "earwitness": __version__,
        "python": sys.version,
        "system": platform.platform(),
        "packages": dict(sorted((name, version) for name, version in packages.items() if name)),
    }


def _now(home: House) -> Json:
    """How it goes just now."""
    kit, moment = home.kit, home.history.last
    return {
        "version": __version__,
        "up_s": round(time.time() - home.started),
        "ready": home.ready,
        "why_not_ready": "" if home.ready else home.why_not_ready,
        "moment": asdict(moment),
        "machine": asdict(kit.machine),
        "models": [entry.name for entry in kit.catalog.shown()],
        "loaded": [asdict(place) for place in kit.pool.loaded()],
        "engines": {found.name: found.why_not for found in kit.engines},
        "errands": [asdict(one) for one in home.errands.all()],
    }
