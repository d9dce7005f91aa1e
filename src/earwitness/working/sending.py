"""Empties the outbox: sends what happened to the hooks, signed, until it arrives or is given up.

Signatures are those of Standard Webhooks 1.0: https://github.com/standard-webhooks/standard-webhooks
"""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from earwitness import addresses
from earwitness.archive.hooks import Delivery, Hook, Hooks
from earwitness.errors import EarwitnessError

LOOK_S = 2.0
AT_ONCE = 4
CLAIM_S = 60.0
"""How long nobody else tries what is being tried: longer than a try takes."""

TIDY_S = 3600.0
GONE = 410


class Sender:
    """One thread that looks into the outbox, and some that send."""

    def __init__(
        self,
        hooks: Hooks,
        *,
        private: bool,
        log: Callable[..., object],
        count: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        """`private`: whether hooks may lead to this machine and its network; `count` is told what came of a try."""
        self._hooks, self._private, self._log, self._count = hooks, private, log, count
        self._ending = threading.Event()
        self._news = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._work, name="sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something in the outbox."""
        self._news.set()

    def close(self) -> None:
        """End; what was not sent is sent by the next one."""
        self._ending.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="send") as pool:
            while not self._ending.is_set():
                self._news.clear()
                due = list[tuple[Delivery, Hook]]()
                try:
                    due = self._hooks.due()
                    mine = [(d, h) for d, h in due if self._hooks.claim(d, CLAIM_S)]
                    list(pool.map(lambda pair: self._one(*pair), mine))
                except EarwitnessError as error:
                    self._log("outbox out of reach", code=error.code, why=error.message)
                    due = []
                if not due:
                    self._news.wait(LOOK_S)

    def _one(self, delivery: Delivery, hook: Hook) -> None:
        try:
            self._send(delivery, hook)
        except EarwitnessError as error:  # it is tried again once the claim has run out
            self._log("outbox out of reach", code=error.code, why=error.message)

    def _send(self, delivery: Delivery, hook: Hook) -> None:
        """One try. Raises what the database raises."""
        import asyncio

        body, headers = message(delivery, hook.secrets)
        try:
            answer = asyncio.run(addresses.send(hook.address, body, headers, private=self._private))
        except EarwitnessError as error:
            self._log("not delivered", hook=hook.id, message=delivery.id, code=error.code)
            self._count(hook.id, "missed")
            self._hooks.missed(delivery, error.message)
            return
        if 200 <= answer.status < 300:
            self._log("delivered", hook=hook.id, message=delivery.id, status=answer.status)
            self._count(hook.id, "sent")
            self._hooks.arrived(delivery, answer.status)
            return
        self._log("not delivered", hook=hook.id, message=delivery.id, status=answer.status)
        self._count(hook.id, "missed")
        told = f"the other side answered {answer.status}"
        gone = answer.status == GONE
        self._hooks.missed(delivery, told, answer.status, wait_s=answer.wait_s, gone=gone)


def message(delivery: Delivery, secrets: Sequence[str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a message, signed now with each of a hook's secrets: one that fits is enough."""
    from standardwebhooks import Webhook

    now = datetime.now(UTC)
    made = datetime.fromtimestamp(delivery.made_s, UTC).isoformat()
    body = json.dumps({"type": delivery.topic, "timestamp": made, "data": delivery.payload}, ensure_ascii=False)
    return body.encode(), {
        "content-type": "application/json",
        "user-agent": "earwitness",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(delivery.id, now, body) for secret in secrets),
    }
