"""Counters in the text format of Prometheus."""

from moeasr.serve.metrics import Metrics


def test_counters():
    metrics = Metrics()
    metrics.add("streams_active")
    metrics.add("streams_active", -1)
    metrics.add("audio_seconds_total", 12345678.5)
    lines = metrics.render().splitlines()
    assert "moeasr_streams_active 0" in lines
    assert "moeasr_audio_seconds_total 12345678.5" in lines
    assert "# TYPE moeasr_streams_active gauge" in lines
    assert "# TYPE moeasr_audio_seconds_total counter" in lines
    assert len(lines) % 3 == 0 and metrics.render().endswith("\n")
