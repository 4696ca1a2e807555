"""Decoding graphs of model folders: their scores, their record, and refusals."""

import random

import pytest
from fusion_scores import TEXTS, fusion_score, random_units, word_model
from graph_paths import Paths

from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.errors import InputError
from moeasr.export.graph.acceptor import label_of
from moeasr.export.graph.write_graph import fusion_acceptor, write_graph
from moeasr.text.arpa import write_arpa
from moeasr.text.build_tokenizer import build_tokenizer

PHRASES = "AB BA\t1.5\nABBA C\nBA\t0.25\n"


@pytest.fixture
def kaldifst():
    return pytest.importorskip("kaldifst", reason="the package kaldifst is not installed")


@pytest.fixture(params=["char", "bpe", "word"])
def tokenizer(request):
    return build_tokenizer(TEXTS, request.param, 12 if request.param == "bpe" else None)


@pytest.fixture
def config(tmp_path):
    write_arpa(word_model(2), tmp_path / "2gram.arpa.gz")
    (tmp_path / "phrases.txt").write_text(PHRASES)
    return FusionConfig(
        lm=tmp_path / "2gram.arpa.gz",
        lm_weight=0.7,
        word_bonus=0.5,
        context=tmp_path / "phrases.txt",
        context_score=2.0,
    )


def test_language_model_and_phrases_add_up(kaldifst, tokenizer, config):
    fusion = build_fusion(config, tokenizer)
    paths = Paths(fusion_acceptor(fusion))
    for units in random_units(tokenizer.vocab_size, random.Random(1), 60):
        score = paths.best([label_of(unit) for unit in units])
        assert score == pytest.approx(fusion_score(fusion, units), abs=1e-5)  # float32


def test_the_record_has_settings_and_size(kaldifst, tokenizer, config, tmp_path):
    record = write_graph(tmp_path / "model", tokenizer, config)
    path = tmp_path / "model" / "graph.fst"
    fst = kaldifst.StdVectorFst.read(str(path))
    assert record.num_states == fst.num_states
    assert record.num_arcs == sum(fst.num_arcs(state) for state in range(fst.num_states))
    assert record.num_bytes == path.stat().st_size
    assert record.settings == config.describe()
    labels = {arc.ilabel for s in range(fst.num_states) for arc in kaldifst.ArcIterator(fst, s)}
    assert labels - {0} == {label_of(unit) for unit in range(tokenizer.vocab_size) if unit != 2}


def test_a_graph_needs_a_language_model_or_phrases(kaldifst, tokenizer, tmp_path):
    with pytest.raises(InputError, match=r"needs a language model \(--lm\) or phrases"):
        write_graph(tmp_path, tokenizer, FusionConfig())
    assert list(tmp_path.iterdir()) == []


def test_files_that_do_not_fit_leave_no_graph(kaldifst, tmp_path):
    tokenizer = build_tokenizer(["ab ba c"], "char")
    write_arpa(word_model(2), tmp_path / "lm")
    (tmp_path / "phrases").write_text("AB\n")
    for setting, message in [
        ({"lm": tmp_path / "lm"}, r"lm: no word of the language model can be spelled with"),
        ({"lm": tmp_path / "missing"}, r"language model .*missing: No such file"),
        ({"context": tmp_path / "phrases"}, r"phrases: none of the phrases can be written with"),
    ]:
        with pytest.raises(InputError, match=message):
            write_graph(tmp_path / "model", tokenizer, FusionConfig(**setting))
    assert not (tmp_path / "model").exists()
