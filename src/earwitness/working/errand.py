"""One errand in a process of its own: a model is fetched and converted, or measured.

    python -m earwitness.working.errand      what is wanted as JSON on its input, one JSON object a line on its output

Converting takes much memory, and hub libraries can't be stopped: here both end with the process.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from earwitness import config, trial
from earwitness.config import Settings
from earwitness.errors import BadInput, EarwitnessError, EngineFailed
from earwitness.hardware import measure
from earwitness.kit import Kit
from earwitness.models import directory, hub
from earwitness.models.catalog import sample
from earwitness.models.convert import convert

Tell = Callable[[Mapping[str, Any]], None]


def pull(settings: Settings, wanted: Mapping[str, str], tell: Tell) -> None:
    """Fetch a model, and convert it to `to` where that is told and it is a checkpoint. Raises as both do."""
    root, form = settings.models_folder, wanted.get("to", "")
    tell({"step": "asking"})
    found = hub.pull(
        wanted["name"],
        root,
        revision=wanted.get("revision") or None,
        told=lambda done, total: tell({"step": "fetching", "done": done, "total": total}),
    )
    if form and found.format == "base" and not _converted(settings, found.model, form):
        tell({"step": "converting", "done": 0, "total": 0})
        convert(found.path, root, model=found.model, form=form, precision=None)


def _converted(settings: Settings, model: str, form: str) -> bool:
    return any((s.model, s.format) == (model, form) for s in directory.scan(settings.models_folder))


def bench(settings: Settings, wanted: Mapping[str, str], tell: Tell) -> None:
    """Measure every way to run a model on this machine, and keep what came out. Raises BadInput where there is none."""
    with Kit(settings) as kit:
        candidates, why_not = kit.candidates(wanted["name"])
    if not candidates:
        raise BadInput(f"{wanted['name']} can't run here: {'; '.join(why_not)}", remedy="See `earwitness doctor`.")
    names = [f"{c.engine} on {c.device.name}" for c in candidates]
    done = iter(range(len(candidates)))
    found = trial.every(
        candidates,
        sample(),
        on_begin=lambda _: tell({"step": names[n := next(done)], "done": n, "total": len(names)}),
    )
    measure.write(settings.measured, found)


WHAT = {"pull": pull, "bench": bench}


@contextmanager
def _telling() -> Iterator[Tell]:
    """What writes a line; whatever else is printed goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)

        def tell(told: Mapping[str, Any]) -> None:
            out.write(json.dumps(told) + "\n")
            out.flush()

        yield tell


def main() -> None:
    """Do what standard input asks for."""
    wanted = json.load(sys.stdin)
    with _telling() as tell:
        try:
            WHAT[wanted["what"]](config.load(), wanted, tell)
        except EarwitnessError as error:
            tell({"code": error.code, "error": error.message, "remedy": error.remedy})
        except MemoryError:
            remedy = "Choose a smaller model, or end other programs."
            tell({"code": "too_little_memory", "error": "there is too little memory for it", "remedy": remedy})
        except Exception as error:  # noqa: BLE001 - the boundary of the process: whatever it is, somebody is told
            tell(
                {
                    "code": EngineFailed.code,
                    "error": f"an unexpected {type(error).__name__} ended it",
                    "remedy": EngineFailed.default_remedy,
                }
            )


if __name__ == "__main__":
    main()
