"""Makes a port known in the local network by zeroconf, as long as it is there. Knows no protocol behind it."""

import asyncio
import ipaddress
import re
import socket

from structlog.typing import FilteringBoundLogger

MULTICAST = "224.0.0.251"


async def announced(service: str, program: str, host: str, port: int, log: FilteringBoundLogger) -> None:
    """Announces a service such as `_wyoming._tcp.local.` until it is cancelled; where it can't, the log says why."""
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    try:
        address = await asyncio.to_thread(reached, host)
        known = AsyncZeroconf(interfaces=[address])
        try:
            name = re.sub(r"[^A-Za-z0-9-]", "-", f"{program}-{socket.gethostname()}")[:63]
            packed = [ipaddress.ip_address(address).packed]
            told = AsyncServiceInfo(service, f"{name}.{service}", port, addresses=packed, server=f"{name}.local.")
            await known.async_register_service(told, allow_name_change=True)
            log.info("announced", service=service, name=name, address=address)
            await asyncio.Event().wait()
        finally:
            await known.async_unregister_all_services()
            await known.async_close()
    except (OSError, Error) as error:
        log.warning("not announced", service=service, why=str(error) or type(error).__name__)


def reached(host: str) -> str:
    """Where others find this machine: the address it listens on, or, of all, that of the way out. Raises OSError."""
    if host not in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not listened on
        return str(socket.getaddrinfo(host, None)[0][4][0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((MULTICAST, 1))  # sends nothing
        return str(way.getsockname()[0])
