"""`earwitness doctor`: what is here, what is missing, and the command that mends it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from earwitness.config import Settings
    from earwitness.types import Device, DeviceReading, Machine, Readings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `state` is ok, warn or fail; `remedy` is what to do."""

    about: str
    state: str
    detail: str
    remedy: str = ""


MARKS = {"ok": "[green]ok  [/]", "warn": "[yellow]warn[/]", "fail": "[red]FAIL[/]"}
LEAST_FREE = 2 * 2**30


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Look at the install, the machine, the models and the home folder; transcribe the sample; say what to mend.

    Exit code 0 when recordings can be transcribed here, 6 when not.
    """
    import json
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            console.print(f"{MARKS[finding.state]} {finding.about:<18} {escape(finding.detail)}")
            if finding.remedy:
                console.print(f"     {'':<18} [bold]{escape(finding.remedy)}[/]")
    if as_json:
        typer.echo(json.dumps([asdict(f) for f in findings], indent=2))
    if any(f.state == "fail" for f in findings):
        raise typer.Exit(6)


def examine() -> Iterator[Finding]:
    """All findings, one by one; a look that breaks is a finding itself."""
    from earwitness import config
    from earwitness.errors import EarwitnessError

    try:
        settings = config.load()
    except EarwitnessError as error:
        yield Finding("settings", "fail", error.message, error.remedy)
        return
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _install,
        _machine,
        _home,
        _engines,
        _models,
        _choices,
        _trial,
    )
    for look in looks:
        try:
            yield from look(settings)
        except EarwitnessError as error:
            yield Finding(look.__name__.strip("_"), "fail", error.message, error.remedy)


def _install(_: "Settings") -> "Iterator[Finding]":
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from earwitness.__about__ import __version__

    yield Finding("earwitness", "ok", f"{__version__} on Python {platform.python_version()}")
    for package in ("av", "onnxruntime", "moonshine-voice", "numpy", "fastapi"):
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "fail", "not installed", f"pip install {package}")


def _machine(settings: "Settings") -> "Iterator[Finding]":
    from earwitness.hardware import power, probe

    found, now = probe.machine(), probe.readings()
    readings = {(r.kind, r.vendor, r.index): r for r in probe.device_readings()}
    yield Finding("machine", "ok", machine_line(found, now))
    yield Finding("instructions", "ok", " ".join(found.features) or "unknown")
    for device in found.devices[1:]:
        about = f"{device.kind} {device.vendor} {device.index}"
        yield Finding(about, "ok", device_line(device, readings.get((device.kind, device.vendor, device.index))))
    for note in found.notes:
        yield Finding(note.about, "warn" if note.remedy else "ok", note.message, note.remedy)
    chosen = power.choose(settings.power, now)
    workers = settings.workers or chosen.workers(found.cores)
    yield Finding("power", "ok", f"{chosen.name}: {chosen.why}; {workers} worker(s); {power.heat(now)}")


def machine_line(machine: "Machine", now: "Readings") -> str:
    """The machine in a line: what it has, and how much of it this process may use."""
    cores = f"{machine.cores} of {machine.logical} core(s)"
    kinds = [f"{machine.physical or 'unknown'} physical", *([f"{machine.fast} fast"] if machine.fast else [])]
    memory = _size(machine.memory) if machine.memory else "memory unknown"
    free = "" if now.available is None else f" ({_size(now.available)} free)"
    return f"{machine.processor}, {cores} ({', '.join(kinds)}), {memory}{free}, {machine.system}"


def device_line(device: "Device", now: "DeviceReading | None") -> str:
    """A device in a line: its name, what it is made of, what reaches it, and how it is now."""
    made = [device.arch, _size(device.memory) if device.memory else "", device.driver, *device.apis]
    if now is not None:
        made += [
            "" if now.free is None else f"{_size(now.free)} free",
            "" if now.temperature_c is None else f"{now.temperature_c:.0f} °C",
            "" if now.power_limit_w is None else f"at most {now.power_limit_w:.0f} W",
        ]
    return ", ".join(part for part in (device.name, *made) if part)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _home(settings: "Settings") -> "Iterator[Finding]":
    import shutil
    import tempfile

    from earwitness.config import ensure_folder
    from earwitness.errors import StorageFailed

    folder = ensure_folder(settings.home)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise StorageFailed(f"nothing can be written to {folder}: {error.strerror or error}") from error
    free = shutil.disk_usage(folder).free
    enough = free >= LEAST_FREE
    yield Finding(
        "home folder",
        "ok" if enough else "warn",
        f"{folder}, {free / 2**30:.1f} GiB free",
        "" if enough else "Free some space, or set EARWITNESS_HOME to a folder on another disk.",
    )


def _engines(settings: "Settings") -> "Iterator[Finding]":
    from earwitness.diarizers import Diarizers
    from earwitness.engines import Spec
    from earwitness.parts import PartSpec
    from earwitness.plugins import ENGINES, PARTS, Plugins

    engines: Plugins[Spec] = Plugins(ENGINES)
    parts: Plugins[PartSpec[object]] = Plugins(PARTS)
    for kind, group in (("engine", list(engines)), ("part", list(parts))):
        for found in group:
            usable = "warn" if found.why_not else "ok"
            yield Finding(f"{kind} {found.name}", usable, found.why_not or f"usable{_weights(found.spec)}")
    for rank, diarizer in enumerate(Diarizers(parts, settings.models_folder).all(), 1):
        usable = "warn" if diarizer.why_not else "ok"
        yield Finding(f"diarizer {rank}.", usable, f"{diarizer.name}: {diarizer.why_not or 'usable'}")


def _weights(spec: object) -> str:
    """Whose weights come with a part."""
    from earwitness.parts import Licensed

    return f"; weights: {spec.licence}" if isinstance(spec, Licensed) else ""


def _models(_: "Settings") -> "Iterator[Finding]":
    from earwitness.models import catalog

    entry = catalog.default()
    catalog.verify(entry)
    yield Finding("model", "ok", f"{entry.name}: files are there and their checksums are right")


def _choices(settings: "Settings") -> "Iterator[Finding]":
    from earwitness.errors import EarwitnessError
    from earwitness.kit import Kit

    with Kit(settings) as kit:
        for name in kit.names():
            try:
                plans, (_, why_not) = kit.plans(name), kit.candidates(name)
            except EarwitnessError as error:
                yield Finding(f"model {name}", "warn", error.message, error.remedy)
                continue
            for rank, plan in enumerate(plans, 1):
                yield Finding(f"{name} {rank}.", "ok", f"{plan.model}, {plan.why}")
            for why in why_not:
                yield Finding(f"{name} not", "ok", why)


def _trial(settings: "Settings") -> "Iterator[Finding]":
    import time

    from earwitness import batch
    from earwitness.kit import Kit
    from earwitness.models.catalog import sample
    from earwitness.stages.recipe import Recipe

    path = sample()
    with Kit(settings) as kit:
        kit.can("default")
        began = time.monotonic()
        found = batch.run(path, Recipe(), kit)
        took_s = time.monotonic() - began
    words = len(found.text.split())
    state = "ok" if words else "fail"
    yield Finding(
        "trial",
        state,
        f"{words} words from {found.duration_s:.0f} s of sound, {found.duration_s / took_s:.0f}x real time",
    )
