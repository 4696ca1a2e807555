"""Boosted phrases as a list in Python."""

from pathlib import Path

import pytest
import soundfile

from moeasr.api.phrase_list import phrases_in_file
from moeasr.errors import InputError

MODE = {"mode": "ctc_prefix_beam_search", "context_score": 50.0}


def test_a_list_is_a_file_for_a_while_and_a_path_stays():
    with phrases_in_file({"context": ["GO HOME", "Zoë"], "beam_size": 4}) as settings:
        path = Path(settings["context"])
        assert path.read_text(encoding="utf-8") == "GO HOME\nZoë\n" and settings["beam_size"] == 4
    assert not path.exists()
    for given in ({"context": "phrases.txt"}, {"context": None}, {}):
        with phrases_in_file(given) as settings:
            assert settings == given


def test_faults_name_the_list_instead_of_the_file():
    refused = pytest.raises(InputError, match="^`context`:2: phrase 'A' appears twice$")
    with refused, phrases_in_file({"context": ["A", "A"]}) as settings:
        raise InputError(f"{settings['context']}:2: phrase 'A' appears twice")


def test_a_list_does_what_a_file_does(asr, sound, tmp_path):
    path, phrases = tmp_path / "a.wav", tmp_path / "phrases.txt"
    soundfile.write(path, sound(16000), 16000)
    plain = asr.transcribe(path, mode=MODE["mode"]).text
    letter = next(letter for letter in sorted(set(plain.replace("<unk>", ""))) if letter.isalpha())
    phrases.write_text(f"{letter}{letter}\n")
    expected = asr.transcribe(path, context=phrases, **MODE)
    found = asr.transcribe(path, context=[letter * 2], **MODE)
    assert found == expected and found.text != plain
    live = [
        asr.stream(sample_rate=16000, endpoint=False, context=context, **MODE)
        for context in (phrases, [letter * 2])
    ]
    texts = [[*stream.push(sound(16000)), stream.finish()] for stream in live]
    assert str(texts[0]) == str(texts[1])
