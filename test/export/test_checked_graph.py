"""A decoding graph is compared with the search of moeasr."""

import pytest

from moeasr.decode.fusion.config import FusionConfig
from moeasr.export import checked_graph as module
from moeasr.export.checked_graph import GraphReport, write_checked_graph
from moeasr.export.dev_set import DevSet, read_dev_set


@pytest.fixture
def fusion(tmp_path):
    pytest.importorskip("kaldifst", reason="the extra `deploy` is not installed")
    (tmp_path / "phrases.txt").write_text("ab cd\n")
    return FusionConfig(context=str(tmp_path / "phrases.txt"))


def test_both_error_rates_are_measured(recognizer, dev_dir, tmp_path, fusion, monkeypatch):
    dev_set = read_dev_set(dev_dir, recognizer, 3)
    monkeypatch.setattr(module, "sherpa_texts", lambda *_: ["", "ab c", "a"])
    report = write_checked_graph(tmp_path, recognizer, fusion, dev_set)
    assert report.sherpa_wer == pytest.approx(100 / 3)  # of ab, cd and a
    assert report.own_wer is not None and report.num_states > 0
    assert (tmp_path / "graph.fst").stat().st_size == report.size_mb * 1e6
    assert "sherpa-onnx has 33.33 % WER" in report.line()


def test_without_audio_nothing_is_compared(recognizer, tmp_path, fusion):
    dev_set = DevSet("dev", [], {}, 0.0, None, 16000)
    report = write_checked_graph(tmp_path, recognizer, fusion, dev_set)
    assert isinstance(report, GraphReport) and report.sherpa_wer is None
    assert report.line().endswith("not compared, because the dev set has no wav.scp")
