"""All the ways in which a model could be run here: which engines read it, on which devices, and why others can't.

Chooses nothing, loads nothing and imports no runtime.
"""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from earwitness.__about__ import __version__
from earwitness.engines import External, Spec
from earwitness.hardware.choose import Candidate
from earwitness.models import directory
from earwitness.models.catalog import Entry
from earwitness.plugins import Found
from earwitness.types import Device, Machine


def of(
    entries: Iterable[Entry], engines: Iterable[Found[Spec]], machine: Machine, workers: int
) -> tuple[list[Candidate], list[str]]:
    """The candidates in the order of the entries, and why other engines can't be used."""
    found, why_not, known = list[Candidate](), list[str](), tuple(engines)
    for entry in entries:
        for engine in known:
            if engine.spec is None or entry.format not in engine.spec.formats:
                continue
            devices = engine.spec.devices(machine)
            if engine.why_not or not devices:
                why_not.append(f"{engine.name}: {engine.why_not or 'no device of this machine suits it'}")
                continue
            found += [
                Candidate(engine.name, entry.name, d, workers, _key(engine.spec, entry, d, machine)) for d in devices
            ]
    return found, list(dict.fromkeys(why_not))


def _key(spec: Spec, entry: Entry, device: Device, machine: Machine) -> str:
    """What a measurement depends on: engine and libraries or program, model files, device and driver."""
    libraries = " ".join(f"{name} {_version(name)}" for name in spec.libraries) + _program(spec)
    place = f"{device.kind} {device.index} {device.name} {device.driver}".strip()
    return "|".join((f"{spec.name} {__version__} {libraries}", entry.name, _stamp(entry), place, machine.processor))


@cache  # they stay what they are as long as the process lives, and are asked for at each request
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _program(spec: Spec) -> str:
    """Changes when the program of an engine does, or another one is named."""
    path = spec.program() if isinstance(spec, External) else None
    if path is None:
        return ""
    try:
        told = path.stat()
    except OSError:
        return f" {path}"
    return f" {path} {told.st_size} {told.st_mtime_ns}"


def _stamp(entry: Entry) -> str:
    """Changes when the model's files do."""
    if entry.stored is None:
        told: list[object] = [sha for _, _, sha in entry.files]
    else:
        told = [
            (name, path.stat().st_size, path.stat().st_mtime_ns)
            for name, path in directory.contents(entry.stored.path).items()
        ]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]
