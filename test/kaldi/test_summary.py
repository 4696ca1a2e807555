"""One line about a data directory."""

from tables import write_tables

from moeasr.kaldi.summary import describe_audio, describe_set

TABLES = {"utt2spk": "a-1 a\na-2 a\nb-1 b\n", "spk2utt": "a a-1 a-2\nb b-1\n"}


def test_it_counts_utterances_and_time(tmp_path):
    said = describe_set(write_tables(tmp_path, TABLES), "stored")
    assert said == f"{tmp_path}: stored 3 utterances"
    write_tables(tmp_path, {"utt2dur": "a-1 3600\na-2 120.5\n"})  # of b-1 there are no features
    said = describe_set(tmp_path, "stored")
    assert said == f"{tmp_path}: stored 2 utterances, 1 h 02 min of audio"


def test_checked_audio_has_a_rate(tmp_path):
    data = write_tables(tmp_path, {"utt2spk": "a a\n", "spk2utt": "a a\n"})
    said = describe_audio(data, 61.2, 8000)
    speech = "1 utterance of 1 speaker, 1 min 01 s of audio"
    assert said == f"{data}: {speech} at 8000 Hz, all checks passed"
