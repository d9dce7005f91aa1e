"""A line to a server: requests with a key, second tries with a budget, a breaker, and limits on what comes back.

Tried again is what did not arrive or was turned away for now: connections that fail or break off, 429, 502, 503, 504. A
clip that takes too long is not: the server may still be at work on it. Redirects are not followed, and no proxy, netrc
or other environment is read: a recording and a key go to the address that was told and nowhere else. Certificates are
checked against those the system trusts.
"""

import re
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from earwitness.engines.wire.address import WRITE, Remote
from earwitness.engines.wire.patience import Breaker, Budget
from earwitness.errors import EngineFailed, ForeignSpeech, Unsupported

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

TRIES = 4
LONGEST_WAIT_S = 20.0
"""A server that asks for more patience than this gets none."""

CONNECT_S = 10.0
MOST_BYTES = 16 * 2**20
"""No honest answer about a clip is larger."""

AGAIN = frozenset({429, 502, 503, 504})
REFUSED = frozenset({400, 415, 422})
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


class _Detail(BaseModel):
    message: str = ""
    code: str | int | None = None
    param: str | None = None


class _Error(BaseModel):
    """An error as OpenAI's API, FastAPI and our small doors say it."""

    error: _Detail | str = ""
    detail: str = ""
    code: str | None = None

    @property
    def told(self) -> _Detail:
        """The error, whichever way it came."""
        if isinstance(self.error, _Detail):
            return self.error
        return _Detail(message=self.error or self.detail, code=self.code)


class _NotNow(EngineFailed):
    """What may go better soon."""

    after_s = 0.0


class Refused(EngineFailed):
    """The server answered with an error: its status, and its own code for it where it has one."""

    status = 0
    told_code: str | int | None = None


class Line:
    """One server; threads may share it. `name` is what the model is called here.

    With one of `tries` a server is neither asked again nor ever left to rest.
    """

    def __init__(
        self,
        name: str,
        remote: Remote,
        *,
        tries: int = TRIES,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        import httpx
        from tenacity import Retrying, retry_if_exception_type, wait_random_exponential

        self.name, self._url, self._timeout_s, self._clock = name, remote.url, remote.timeout_s, clock
        self._key, self._key_env = remote.key(name), remote.key_env
        self.breaker = Breaker(clock) if tries > 1 else Breaker(clock, most=sys.maxsize)
        self._budget = Budget()
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {self._key}"} if self._key else {},
            timeout=httpx.Timeout(remote.timeout_s, connect=min(CONNECT_S, remote.timeout_s)),
            limits=httpx.Limits(max_connections=remote.at_once, max_keepalive_connections=remote.at_once),
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
        )
        backoff = wait_random_exponential(multiplier=0.25, max=4)
        self._again = Retrying(
            retry=retry_if_exception_type(_NotNow),
            stop=lambda state: state.attempt_number >= tries or not self._budget.take(),
            wait=lambda state: max(backoff(state), _after_s(state)),
            sleep=sleep,
            reraise=True,
        )

    def get(self, url: str) -> bytes:
        """The body of an answer. Raises Refused, Unsupported and EngineFailed."""
        return self._again(self._once, "GET", url, {}, None)

    def post(self, url: str, fields: Mapping[str, str | Sequence[str]], wav: bytes) -> bytes:
        """The body of the answer to a form with a clip in it. Raises what `get` raises."""
        return self._again(self._once, "POST", url, fields, wav)

    def close(self) -> None:
        """End the connections."""
        self._http.close()

    def said(self, text: str) -> str:
        """What the server said, fit for a message: short, without control characters and without the key."""
        clean = CONTROL.sub(" ", text).strip()
        return (clean.replace(self._key, "***") if self._key else clean)[:300]

    def _once(self, method: str, url: str, fields: Mapping[str, str | Sequence[str]], wav: bytes | None) -> bytes:
        import httpx

        rest_s = self.breaker.admit()
        if rest_s:
            raise EngineFailed(
                f"{self.name} failed several times in a row and rests until it is asked again in {rest_s:.0f} s",
                remedy=f"Look whether {self._url} is up, or choose another model meanwhile.",
            )
        files = {"file": ("clip.wav", wav, "audio/wav")} if wav is not None else None
        data = {k: v if isinstance(v, str) else list(v) for k, v in fields.items()} or None
        try:
            with self._http.stream(method, url, data=data, files=files) as response:
                body = self._read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            self.breaker.told(well=False)
            raise self._unreached(_NotNow, error) from error
        except httpx.TimeoutException as error:
            self.breaker.told(well=False)
            raise self._late() from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self.breaker.told(well=False)
            raise self._unreached(EngineFailed, error) from error
        return self._judged(response, body)

    def _read(self, response: "httpx.Response") -> bytes:
        """The body, if it is not too large and does not come too slowly."""
        body, until = bytearray(), self._clock() + self._timeout_s
        for part in response.iter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise EngineFailed(f"{self.name} sent more than {MOST_BYTES >> 20} MB for one clip")
            if self._clock() > until:
                self.breaker.told(well=False)
                raise self._late()
        return bytes(body)

    def _judged(self, response: "httpx.Response", body: bytes) -> bytes:
        """The body of a good answer. Raises for any other."""
        status = response.status_code
        if status == 200:
            self.breaker.told(well=True)
            self._budget.earn()
            return body
        after_s = _retry_after(response.headers.get("retry-after", ""))
        if status < 500 and status not in AGAIN:
            self.breaker.told(well=True)
        elif status != 429 and after_s is None:  # one that says when to come back is busy, not broken
            self.breaker.told(well=False)
        if status in AGAIN:
            raise self._not_now(status, after_s)
        raise self._refused(status, self._error(body))

    def _not_now(self, status: int, after_s: float | None) -> EngineFailed:
        kind = _NotNow if (after_s or 0) <= LONGEST_WAIT_S else EngineFailed
        when = f", and asks to come back in {after_s:.0f} s" if after_s else ""
        error = kind(
            f"{self.name} can't take a clip now: {self._url} answered {status}{when}",
            remedy="Try again later, or choose another model.",
        )
        if isinstance(error, _NotNow):
            error.after_s = after_s or 0.0
        return error

    def _refused(self, status: int, told: _Detail) -> EngineFailed | Unsupported:
        message, remedy = f"{self._url} answered {status} to {self.name}", f"Look into {self._url}."
        if status in {401, 403}:
            message, remedy = f"{self._url} does not accept the key of {self.name} ({status})", self._about_the_key
        elif 300 <= status < 400:
            message += ", which sends it elsewhere, and that is not followed"
            remedy = f"Give the address that the server really has. {WRITE}"
        elif why := self.said(told.message):
            message += f": {why}"
        if told.code == ForeignSpeech.code:
            return ForeignSpeech(message, param=told.param)
        if status in REFUSED:
            return Unsupported(message, param=told.param)
        error = Refused(message, remedy=remedy)
        error.status, error.told_code = status, told.code
        return error

    def _unreached(self, kind: type[EngineFailed], error: Exception) -> EngineFailed:
        why = self.said(str(error)) or type(error).__name__
        return kind(
            f"{self.name} can't be reached at {self._url}: {why}", remedy=f"Look whether {self._url} is up, and right."
        )

    def _late(self) -> EngineFailed:
        return EngineFailed(
            f"{self.name} took longer than {self._timeout_s:g} s over one request to {self._url}",
            remedy=f"Give it longer with --timeout-s. {WRITE}",
        )

    @property
    def _about_the_key(self) -> str:
        return f"Correct the key in {self._key_env}." if self._key_env else f"Name the key's variable. {WRITE}"

    def _error(self, body: bytes) -> _Detail:
        try:
            return _Error.model_validate_json(body).told
        except ValidationError:
            return _Detail()


def _retry_after(value: str) -> float | None:
    """Seconds that a `Retry-After` asks for, as a number or a date; None where it says nothing that can be read."""
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _after_s(state: "RetryCallState") -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.after_s if isinstance(error, _NotNow) else 0.0
