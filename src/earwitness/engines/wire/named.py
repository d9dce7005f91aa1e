"""Programs of whisper.cpp's own that a setting names: the engine of that name runs in it."""

import os
from pathlib import Path

from pydantic import BaseModel

from earwitness import config
from earwitness.engines.whisper import calls, ggml
from earwitness.errors import Missing
from earwitness.types import ModelFiles

PROGRAMS = {"whispercpp_server": "whisper-server", "whispercpp_cli": "whisper-cli"}
"""What a program is called by whisper.cpp's build, by setting and engine."""


def program(setting: str) -> Path | None:
    """Where the program is that a setting names; None where none is named. Raises what `config.load` does."""
    found: Path | None = getattr(config.load(), setting)
    return found


def missing(setting: str) -> str | None:
    """Why the program that a setting names can't be used, or None."""
    variable, given = config.PREFIX + setting.upper(), program(setting)
    if given is None:
        return f"no program is named: {variable}=/path/to/{PROGRAMS[setting]}"
    if not given.is_file() or not os.access(given, os.X_OK):
        return f"{variable} is {given}, and that is no program"
    for other, name in PROGRAMS.items():
        if given.stem == name and other != setting:
            return f"{variable} is {given}: name {PROGRAMS[setting]}, or set {config.PREFIX}{other.upper()} instead"
    return None


def call(
    setting: str, files: ModelFiles, options: BaseModel
) -> tuple[Path, tuple[str, ...], ggml.Tokens, calls.Options]:
    """The program, what it is told of a model, the model's tokens and the options. Raises Missing, as `tokens` does."""
    found, why = program(setting), missing(setting)
    if found is None or why:
        raise Missing(why or "no program is named")
    chosen = options if isinstance(options, calls.Options) else calls.Options()
    path = files.files["model"].resolve()
    words = ("--model", str(path), "--threads", str(chosen.workers * chosen.threads))
    return found.resolve(), words, ggml.tokens(files, path), chosen
