"""The sound of a data directory, whole recordings and segments."""

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.waveforms import read_waveforms
from moeasr.datadir.directory import DataDir
from moeasr.errors import InputError


@pytest.fixture
def data_dir(tmp_path):
    samples = np.arange(8000, dtype=np.int16)
    soundfile.write(tmp_path / "r1.wav", samples, 8000)
    soundfile.write(tmp_path / "r2.wav", samples[:4000] + 1000, 8000)
    (tmp_path / "wav.scp").write_text(f"r1 {tmp_path}/r1.wav\nr2 {tmp_path}/r2.wav\n")
    return tmp_path


def test_recordings_are_utterances_without_segments(data_dir):
    waveforms = dict(read_waveforms(DataDir(data_dir), 8000))
    assert {utt: len(samples) for utt, samples in waveforms.items()} == {"r1": 8000, "r2": 4000}
    assert torch.equal(waveforms["r2"] * 32768, torch.arange(1000.0, 5000.0))


def test_segments_are_cut_out_and_resampled(data_dir):
    (data_dir / "segments").write_text("a r1 0.5 0.75\nb r2 0.1 0.2\n")
    waveforms = dict(read_waveforms(DataDir(data_dir), 8000))
    assert torch.equal(waveforms["a"] * 32768, torch.arange(4000.0, 6000.0))
    assert len(waveforms["b"]) == 800
    assert len(dict(read_waveforms(DataDir(data_dir), 16000))["b"]) == 1600


def test_a_missing_recording_is_named_with_its_utterance(data_dir):
    (data_dir / "segments").write_text("a r3 0.5 0.75\n")
    with pytest.raises(InputError, match="utterance a: recording r3 is not in .*wav.scp"):
        list(read_waveforms(DataDir(data_dir), 8000))
    (data_dir / "segments").write_text("a r1 3.0 4.0\n")
    with pytest.raises(InputError, match="utterance a: .*segment ends at 4 s"):
        list(read_waveforms(DataDir(data_dir), 8000))


def test_commands_for_the_shell_are_announced(data_dir, caplog):
    entry = f"tail -c +1 {data_dir}/r1.wav |"
    (data_dir / "wav.scp").write_text(f"r1 {entry}\nr2 {entry}\n")
    with caplog.at_level("INFO"):
        assert len(dict(read_waveforms(DataDir(data_dir), 8000))) == 2
    (message,) = caplog.messages
    assert f"reading it runs commands in the shell, the first one for r1: `{entry[:-2]}`" in message
