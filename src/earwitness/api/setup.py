"""The first user: from a file with a password, or by whoever has the code that stands in the log."""

from functools import partial

from earwitness.api.bridge import in_thread
from earwitness.api.house import House
from earwitness.archive.account import By
from earwitness.errors import EarwitnessError
from earwitness.files import secret_in

ADMIN = "admin"


async def first(house: House) -> None:
    """See to it that somebody can come in. Raises BadInput where the file with the password holds none."""
    try:
        if await house.access.anybody():
            return
    except EarwitnessError as error:
        house.log.error("accounts can't be read", code=error.code, why=error.message, remedy=error.remedy)
        return
    if (file := house.settings.admin_password_file) is not None:
        password = await in_thread(partial(secret_in, file, "EARWITNESS_ADMIN_PASSWORD_FILE"))
        user = await house.access.slowly(partial(house.archive.accounts.begin, ADMIN, password, By()))
        house.log.info("administrator made", user=user.id)
    elif house.settings.api_key is None and (not house.access.alone or house.settings.allowed_hosts):
        house.log.warning("no accounts yet", setup_code=house.access.setup_code, use="POST /api/setup")
