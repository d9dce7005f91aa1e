"""What `/metrics` reads at each scrape, and what is counted of live sessions."""

import time
from collections.abc import Mapping

from earwitness.api.house import House
from earwitness.archive import upkeep
from earwitness.archive.viewer import HOUSE
from earwitness.errors import EarwitnessError
from earwitness.events import Ended, Event, Failed, Final, Gap, Settled, SpeechEnded

SIZES_EACH_S = 60.0
"""How often the files of the archive are added up."""


class Figures:
    """Gauges of a house. `look` is called every few seconds, off the event loop; scrapes read what it found."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._jobs: Mapping[str, float] = {}
        self._sizes: Mapping[str, float] = {}
        self._sized = -SIZES_EACH_S
        self._ended = dict[tuple[str, int], float]()
        """When it was told that an utterance is over, by session and utterance."""

    def look(self) -> None:
        """Ask the archive; what it does not answer stays as it was."""
        archive, now = self._house.archive, time.monotonic()
        try:
            self._jobs = archive.jobs.counts(HOUSE)
            if now - self._sized >= SIZES_EACH_S:
                self._sizes, self._sized = upkeep.sizes(archive), now
        except EarwitnessError as error:
            self._house.log.debug("not counted", code=error.code, why=error.message)

    def told(self, session: str, event: Event) -> None:
        """Count what a live session tells. On the event loop."""
        metrics = self._house.metrics
        if isinstance(event, Final):
            metrics.spoken.segments.labels("live").inc()
            metrics.spoken.speech.labels("live").inc(event.segment.end_s - event.segment.start_s)
        elif isinstance(event, Gap):
            metrics.spoken.dropped.labels(event.reason).inc(event.end_s - event.start_s)
        elif isinstance(event, SpeechEnded):
            self._ended[session, event.utterance] = time.monotonic()
        elif isinstance(event, Settled):
            if (ended := self._ended.pop((session, event.utterance), None)) is not None:
                metrics.spoken.latency.observe(time.monotonic() - ended)
        elif isinstance(event, Ended) or (isinstance(event, Failed) and event.fatal):
            for key in [key for key in self._ended if key[0] == session]:
                del self._ended[key]

    def by_label(self) -> dict[str, tuple[str, str, Mapping[str, float]]]:
        """Gauges with a label: help, the label's name, values by the label."""
        house = self._house
        waited = "Seconds that the oldest utterance without text has waited"
        # with the whole id anybody could join
        lags = {ident[:8]: lag_s for ident, lag_s in house.sessions.lags().items()}
        return {
            "earwitness_live_lag_seconds": (waited, "session", lags),
            "earwitness_jobs": ("Jobs of the queue", "state", self._jobs),
            "earwitness_disk_bytes": ("Bytes of the archive by what they are, and what is free", "class", self._sizes),
        }

    def plain(self) -> dict[str, tuple[str, float]]:
        """Gauges without a label: help and value."""
        house = self._house
        loaded, limit = house.kit.pool.loaded(), house.kit.pool.limits.size
        return {
            "earwitness_running": ("Recordings in work", len(house.works)),
            "earwitness_running_jobs": ("Jobs of the queue in work", len(house.worker)),
            "earwitness_places": ("Recordings that may be in work at once", house.settings.seats),
            "earwitness_live_sessions": ("Live sessions", len(house.sessions)),
            "earwitness_live_sessions_limit": ("Live sessions that may be there at once", house.settings.live_sessions),
            "earwitness_waiting_clips": ("Clips waiting for an engine", sum(place.waiting for place in loaded)),
            "earwitness_asr_queue_seconds": ("Sound waiting for an engine", sum(place.waiting_s for place in loaded)),
            "earwitness_loaded_models": ("Models in memory", len(loaded)),
            "earwitness_model_loaded_bytes": (
                "Memory that the loaded models take",
                sum(place.size for place in loaded),
            ),
            "earwitness_model_loaded_bytes_limit": ("Memory that models may take; 0 is no limit", limit or 0),
            "earwitness_loading_models": ("Models being loaded", len(house.kit.pool.loading())),
            "earwitness_sse_clients": ("Streams of events that are read", len(house.streams)),
            "earwitness_event_lag_seconds": ("Age of the newest event when it was read", house.streams.lag_s),
            "earwitness_archive_waiting_writes": ("Changes that wait to be written", house.archive.writer.waiting),
            "earwitness_archive_bytes": ("Size of the archive's database", house.history.last.database_bytes),
            "earwitness_ready": ("1 when the server can take work", float(house.ready)),
        }
