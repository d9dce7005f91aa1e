"""Opens OpenVINO, kept from reporting to its makers."""

import sys
from typing import Any, cast


def runtime() -> Any:
    """The module `openvino`. Raises ImportError where it is not installed.

    Its companion `openvino_telemetry` would keep a number for this machine in the user's home folder and send reports;
    without it the runtime goes on with a stand-in of its own.
    """
    if "openvino" not in sys.modules:
        cast("dict[str, object]", sys.modules).setdefault("openvino_telemetry", None)
    import openvino

    return openvino
