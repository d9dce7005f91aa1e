"""Who sent a request, as the archive sees them."""

from starlette.requests import HTTPConnection

from earwitness.api.caller import caller_of
from earwitness.archive.viewer import Viewer


def viewer(request: HTTPConnection) -> Viewer:
    """Whose eyes the archive is seen with: a user's, or the installation's own where it has no accounts."""
    return caller_of(request.scope).viewer
