"""NVIDIA cards, as CUDA would count them: what the management library says, and what `/proc` knows without it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from earwitness.hardware.probe.nvml import Nvml, NvmlError
from earwitness.hardware.probe.view import View, clean, pairs, visible
from earwitness.types import Device, DeviceReading, Note

T = TypeVar("T")
CARDS = "proc/driver/nvidia/gpus"


def devices(view: View) -> tuple[list[Device], list[Note]]:
    """The cards that this process may use, and why others can't be used."""
    if _kept_away(view):
        why = f"NVIDIA_VISIBLE_DEVICES={view.env['NVIDIA_VISIBLE_DEVICES']} keeps NVIDIA's cards from this container"
        return [], [Note("nvidia", why, "To use them, start it with NVIDIA_VISIBLE_DEVICES=all, or `--gpus all`.")]
    try:
        with _library(view) as nvml:
            if nvml is None:
                return [], _without_library(view)
            total = nvml.count()
            cards = [_device(nvml, index, card) for index, card in enumerate(_cards(view, nvml))]
    except NvmlError as error:
        remedy = "See what `nvidia-smi` says; after an update of the driver, restart the machine."
        return [], [Note("nvidia", f"the driver does not answer: {error}", remedy)]
    return cards, [*_left_out(view, total, cards), *_doubtful_order(view, cards)]


def readings(view: View) -> list[DeviceReading]:
    """What changes: free memory, heat, and the limit of power; empty without the library."""
    if _kept_away(view):
        return []
    try:
        with _library(view) as nvml:
            return [_reading(nvml, i, card) for i, card in enumerate(_cards(view, nvml))] if nvml else []
    except NvmlError:
        return []


def _kept_away(view: View) -> bool:
    return view.env.get("NVIDIA_VISIBLE_DEVICES") in {"none", "void"}


@contextmanager
def _library(view: View) -> Iterator[Nvml | None]:
    nvml = view.nvml()
    try:
        yield nvml
    finally:
        if nvml is not None:
            with suppress(NvmlError):
                nvml.close()


def _cards(view: View, nvml: Nvml) -> list[object]:
    """Handles in CUDA's order. A `MIG-…` entry is a part of a card, and CUDA uses no more than one."""
    wish = view.env.get("CUDA_VISIBLE_DEVICES")
    if wish is not None and wish.strip().startswith("MIG-"):
        return [nvml.card(wish.partition(",")[0].strip())]
    every = [nvml.card(index) for index in range(nvml.count())]
    return [every[i] for i in visible(wish, [_asked(nvml.uuid, card) or "" for card in every])]


def _device(nvml: Nvml, index: int, card: object) -> Device:
    capability, memory = _asked(nvml.capability, card), _asked(nvml.memory, card)
    return Device(
        "gpu",
        clean(_asked(nvml.name, card) or "") or "NVIDIA card",
        index,
        vendor="nvidia",
        memory=memory[0] if memory else 0,
        arch="{}.{}".format(*capability) if capability else "",
        driver=clean(nvml.driver()),
        apis=("cuda",),
    )


def _reading(nvml: Nvml, index: int, card: object) -> DeviceReading:
    memory = _asked(nvml.memory, card)
    heat, limit = _asked(nvml.temperature_c, card), _asked(nvml.power_limit_w, card)
    return DeviceReading("gpu", "nvidia", index, memory[1] if memory else None, heat, limit)


def _asked(ask: Callable[[object], T], card: object) -> T | None:
    """What a card answers; cards differ in what they know."""
    try:
        return ask(card)
    except NvmlError:
        return None


def _without_library(view: View) -> list[Note]:
    names = [clean(pairs(view.text(card / "information")).get("Model", "")) for card in view.folders(CARDS)]
    if not names:
        return []
    named = ", ".join(name or "an NVIDIA card" for name in names)
    remedy = "Install libnvidia-ml.so.1 of the driver's version; start a container with `--gpus all`."
    return [Note("nvidia", f"{named}: the card is there, its driver's library is not", remedy)]


def _left_out(view: View, total: int, cards: list[Device]) -> list[Note]:
    notes = [
        Note("nvidia", f"the memory of {c.name} ({c.index}) can't be read: unknown") for c in cards if not c.memory
    ]
    wish = view.env.get("CUDA_VISIBLE_DEVICES")
    if wish is not None and len(cards) < total:
        notes.append(Note("nvidia", f"CUDA_VISIBLE_DEVICES={clean(wish)!r} leaves {len(cards)} of {total} card(s)"))
    return notes


def _doubtful_order(view: View, cards: list[Device]) -> list[Note]:
    if len({c.name for c in cards}) < 2 or view.env.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID":
        return []
    return [Note("nvidia", "unlike cards, which CUDA may count in another order", "Set CUDA_DEVICE_ORDER=PCI_BUS_ID.")]
