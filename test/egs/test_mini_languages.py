"""The synthesised corpus of two languages."""

from collections import Counter

import numpy as np
import pytest

from moeasr.errors import InputError

NUM_UTTS = {"train": 192, "dev": 24, "test": 40}


@pytest.fixture
def plan(local_module):
    return local_module("mini", "plan")


def two_languages(plan):
    return plan.plan_corpus(1, NUM_UTTS, 10.0, 30.0, ("en", "de"))


def test_the_german_grammar_has_all_its_rules_and_many_sentences(local_module):
    grammar = local_module("mini", "grammar_de")
    rng = np.random.default_rng(0)
    sentences = [grammar.sentence(rng) for _ in range(3000)]
    assert all(text.isupper() and text == " ".join(text.split()) for text in sentences)
    assert len(set(sentences)) > 1500
    firsts = {text.split()[0] for text in sentences}
    assert firsts >= {"SCHALTE", "ÖFFNE", "WECKE", "STELLE", "TRIFF", "SPIELE", "WÄHLE", "RUFE"}
    assert firsts >= {"BUCHSTABIERE", "MEIN"}
    assert grammar.spoken_form("FÜNF UHR") == "fünf uhr"


def test_every_voice_speaks_both_languages_in_turn(plan):
    """Only recordings without speech, which are in no language, are missing."""
    recordings = two_languages(plan)
    counts = Counter((r.set_name, r.speaker, r.language) for r in recordings)
    assert len(counts) >= 0.95 * 2 * 64 and set(counts.values()) <= {1, 2}
    assert all(r.text for r in recordings)
    assert 0.85 * sum(NUM_UTTS.values()) < len(recordings) < sum(NUM_UTTS.values())


def test_a_recording_is_in_one_language_its_background_too(plan):
    for recording in two_languages(plan):
        sayings = [s for part in recording.parts for s in (*part.phrases, *part.babble)]
        languages = {saying.voice.partition("-")[0].partition("+")[0] for saying in sayings}
        assert languages <= {recording.language}


def test_a_corpus_of_one_language_is_the_english_half(plan):
    """Recordings of the first language are the same in both corpora, but for its name."""
    english = {r.utt_id: r for r in plan.plan_corpus(1, NUM_UTTS, 10.0, 30.0)}
    assert {r.language for r in english.values()} == {None}
    for recording in two_languages(plan):
        if recording.language == "en":
            own = english[recording.utt_id]
            assert (own.text, own.parts) == (recording.text, recording.parts)


@pytest.mark.slow
def test_the_data_directories_name_the_language(local_module, tmp_path):
    numbers = ["--num-train", "50", "--num-dev", "8", "--num-test", "1", "--languages", "en,de"]
    where = ["--download-dir", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    local_module("mini", "data_prep").main([*where, *numbers])
    lines = (tmp_path / "data/train/utt2lang").read_text().splitlines()
    counts = Counter(line.split()[1] for line in lines)
    assert counts.keys() == {"en", "de"} and counts["de"] <= 2 < 40 < counts["en"] <= 48


@pytest.mark.parametrize("languages", ["en,fr", "en,en", ""])
def test_unknown_languages_are_refused(local_module, tmp_path, languages):
    where = ["--download-dir", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    with pytest.raises(InputError, match="must contain some of en, de, each once, but is"):
        local_module("mini", "data_prep").main([*where, "--languages", languages])
