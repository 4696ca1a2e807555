"""The audio of a data directory, with and without segments."""

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.waveforms import read_waveforms
from moeasr.data.data_type import find_data_type
from moeasr.errors import InputError
from moeasr.labels import Labels


@pytest.fixture
def data_dir(tmp_path):
    samples = np.arange(8000, dtype=np.int16)
    soundfile.write(tmp_path / "r1.wav", samples, 8000)
    soundfile.write(tmp_path / "r2.wav", samples[:4000] + 1000, 8000)
    (tmp_path / "wav.scp").write_text(f"r1 {tmp_path}/r1.wav\nr2 {tmp_path}/r2.wav\n")
    return tmp_path


def waveforms(data_dir, rate_hz):
    """Return a mapping from utterance to samples."""
    utterances = find_data_type("raw").open(data_dir)
    return {utt: samples for utt, samples, _ in read_waveforms(utterances, rate_hz)}


def test_recordings_are_utterances_without_segments(data_dir):
    found = waveforms(data_dir, 8000)
    assert {utt: len(samples) for utt, samples in found.items()} == {"r1": 8000, "r2": 4000}
    assert torch.equal(found["r2"] * 32768, torch.arange(1000.0, 5000.0))


def test_segments_are_cut_out_and_resampled(data_dir):
    (data_dir / "segments").write_text("a r1 0.5 0.75\nb r2 0.1 0.2\nc r2 0.4 -1\n")
    found = waveforms(data_dir, 8000)
    assert torch.equal(found["a"] * 32768, torch.arange(4000.0, 6000.0))
    assert [len(found[utt]) for utt in "bc"] == [800, 800]
    assert len(waveforms(data_dir, 16000)["b"]) == 1600


def test_utterances_come_with_their_languages(data_dir):
    (data_dir / "utt2lang").write_text("r1 zh\nr2 en\n")
    utterances = find_data_type("raw").open(data_dir, Labels(("en", "zh")))
    assert [(utt, language) for utt, _, language in read_waveforms(utterances, 8000)] == [
        ("r1", 1),
        ("r2", 0),
    ]


def test_a_missing_recording_is_named_with_its_utterance(data_dir):
    (data_dir / "segments").write_text("a r3 0.5 0.75\n")
    with pytest.raises(InputError, match="recording r3 of utterance a is not in .*wav.scp"):
        waveforms(data_dir, 8000)
    (data_dir / "segments").write_text("a r1 3.0 4.0\n")
    with pytest.raises(InputError, match="utterance a: .*segment ends at 4 s"):
        waveforms(data_dir, 8000)


def test_commands_for_the_shell_are_announced(data_dir, caplog):
    entry = f"tail -c +1 {data_dir}/r1.wav |"
    (data_dir / "wav.scp").write_text(f"r1 {entry}\nr2 {entry}\n")
    with caplog.at_level("INFO"):
        assert len(waveforms(data_dir, 8000)) == 2
    (message,) = caplog.messages
    assert (
        f"reading this table runs shell commands, the first one for r1: `{entry[:-2]}`" in message
    )
