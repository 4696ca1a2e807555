"""A corpus of the sentences of a text instead of those of the grammar."""

import random

import numpy as np
import pytest

from moeasr.errors import InputError

NUM_UTTS = {"train": 60, "dev": 10, "test": 12}


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("the sun rises\n\nIt's Ännchen\nBYE\nSPELL B A\nA BOOK\n", encoding="utf-8")
    return path


@pytest.fixture
def sentences(local_module, text):
    return local_module("mini", "sentences").Sentences.of_file(text)


def test_every_line_of_the_text_is_spoken_and_nothing_else(local_module, sentences):
    plan = local_module("mini", "plan")
    recordings = plan.plan_corpus(1, NUM_UTTS, 10.0, 30.0, grammars={"en": sentences})
    said = {
        part.phrases[0].text
        for recording in recordings
        for part in recording.parts
        if len(part.phrases) == 1
    }
    spoken = {"the sun rises", "it's ännchen", "bye", "spell b [[eI]]", "a book"}
    assert said == spoken
    words = {word for recording in recordings for word in recording.text.split()}
    assert words == {"THE", "SUN", "RISES", "IT'S", "ÄNNCHEN", "BYE", "SPELL", "B", "A", "BOOK"}


def test_a_letter_is_spoken_as_a_letter_only_beside_another(sentences):
    assert sentences.spoken_form("A") == "a"
    assert sentences.spoken_form("WRITE A LINE") == "write a line"
    assert sentences.spoken_form("Q A THREE") == "q [[eI]] three"
    assert sentences.spoken_form("A A") == "[[eI]] [[eI]]"


def test_sentences_are_sampled_by_the_generator(sentences):
    first, second = (
        [sentences.sentence(rng) for _ in range(20)]
        for rng in (np.random.default_rng(1), np.random.default_rng(1))
    )
    assert first == second and len(set(first)) == 5


def test_characters_that_are_not_spoken_as_written_are_refused(local_module, text):
    text.write_text("A LAMP\n22 LAMPS\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"sentences.txt, line 2 has '2'; .* letters"):
        local_module("mini", "sentences").Sentences.of_file(text)
    text.write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match=r"sentences.txt has no sentence"):
        local_module("mini", "sentences").Sentences.of_file(text)


def test_a_text_is_for_one_language(local_module, tmp_path, text):
    where = ["--download-dir", str(tmp_path), "--data-dir", str(tmp_path / "data")]
    options = ["--languages", "en,de", "--sentences", str(text)]
    with pytest.raises(InputError, match="--sentences needs one language"):
        local_module("mini", "data_prep").main([*where, *options])


@pytest.fixture
def wordnet(tmp_path):
    for kind in ("adj", "adv", "noun", "verb"):
        (tmp_path / f"data.{kind}").write_text("  1 a header\n")
    with open(tmp_path / "data.noun", "a") as file:
        file.write('00 06 n 01 sun 0 000 | a star; "the sun-rise, at last!"; "too short"\n')
        file.write('00 06 n 01 sun 0 000 | "he said `yes\' to 22 of us"; "the sun rise at last"\n')
    return tmp_path


def test_examples_of_wordnet_become_sentences_with_spelled_words(local_module, wordnet):
    script = local_module("mini", "wordnet_sentences")
    assert script.examples(wordnet) == ["THE SUN RISE AT LAST"]
    rng = random.Random(1)
    lines = [script.spelled(rng) for _ in range(500)]
    assert {len(word) == 1 for line in lines for word in line.split()} == {True, False}
    assert all(line == " ".join(line.split()) and line.isupper() for line in lines)


def test_the_written_sentences_can_be_spoken(local_module, wordnet):
    with open(wordnet / "data.verb", "a") as file:
        for name in ("A", "B", "C", "D"):
            file.write(f'00 29 v 01 go 0 000 | move; "he goes to {name}"\n')
    out = wordnet / "new" / "sentences.txt"
    options = ["--wordnet-dir", str(wordnet), "--out", str(out)]
    local_module("mini", "wordnet_sentences").main(options)
    lines = out.read_text().splitlines()
    assert len(lines) == 6 and set(lines[:5]) >= {"HE GOES TO A", "THE SUN RISE AT LAST"}
    local_module("mini", "sentences").Sentences.of_file(out)


def test_a_directory_without_wordnet_is_refused(local_module, tmp_path):
    options = ["--wordnet-dir", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match="data.adj does not exist; --wordnet-dir must hold"):
        local_module("mini", "wordnet_sentences").main(options)
    assert not (tmp_path / "out").exists()
