"""Engines in processes of their own: one that crashes, hangs or is killed is started again, and we live on.

`Apart` makes any Spec such a one. `engine` is our side, `child` the other, `process` the one seen from here, `wire`
what goes between them.
"""

from collections.abc import Callable

from pydantic import BaseModel

from earwitness.engines import Engine, Spec
from earwitness.models.isolated import wire
from earwitness.models.isolated.engine import Isolated, Patience
from earwitness.types import Device, Machine, ModelFiles


class Apart:
    """A Spec whose engines run in processes of their own; `died` is told of each that ended, and how."""

    def __init__(
        self, inner: Spec, *, died: Callable[[str], None] = lambda _: None, patience: Patience | None = None
    ) -> None:
        self.name, self.formats, self.libraries = inner.name, inner.formats, inner.libraries
        self.Options = inner.Options
        self.inner, self._died, self._patience = inner, died, patience or Patience()

    def missing(self) -> str | None:
        """As of the engine itself."""
        return self.inner.missing()

    def devices(self, machine: Machine) -> tuple[Device, ...]:
        """As of the engine itself."""
        return self.inner.devices(machine)

    def load(self, files: ModelFiles, device: Device, options: BaseModel) -> Engine:
        """The engine in a new process. Raises what its load raises there, EngineFailed where that ended it."""
        order: wire.Told = {
            "engine": self.name,
            "files": wire.FILES.dump_python(files, mode="json"),
            "device": wire.DEVICE.dump_python(device, mode="json"),
            "options": options.model_dump(mode="json", exclude_unset=True),
        }
        return Isolated(order, self._patience, self._died)
