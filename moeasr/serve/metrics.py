"""Counters of a server, in the text format of Prometheus."""

import threading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HELP = {
    "streams_active": "Live streams that are open.",
    "streams_total": "Live streams that were opened.",
    "streams_failed_total": "Live streams that were closed because of an error of the client.",
    "refused_total": "Clients and files that were refused because of a limit.",
    "files_total": "Uploaded files that were transcribed.",
    "files_failed_total": "Uploaded files that could not be transcribed.",
    "audio_seconds_total": "Seconds of audio of streams and files.",
    "compute_seconds_total": "Seconds that streams and files took to recognise.",
    "batches_total": "Batches of chunks that were encoded.",
    "chunks_total": "Chunks that were encoded in these batches.",
    "results_total": "Final results of streams.",
}


class Metrics:
    """Counters, which any thread may change."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values = dict.fromkeys(_HELP, 0.0)

    def add(self, name: str, value: float = 1.0) -> None:
        """Add a value to a counter."""
        with self._lock:
            self._values[name] += value

    def value(self, name: str) -> float:
        """Return the value of a counter."""
        return self._values[name]

    def render(self) -> str:
        """Return all counters in the text format of Prometheus."""
        lines = []
        for name, text in _HELP.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [
                f"# HELP moeasr_{name} {text}",
                f"# TYPE moeasr_{name} {kind}",
                f"moeasr_{name} {self._values[name]:.10g}",
            ]
        return "\n".join(lines) + "\n"
