"""Rate and length of an entry of wav.scp, from its header or by counting."""

import os
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile

from moeasr.audio.probe import AudioInfo, overshoot_warning, probe_audio
from moeasr.errors import InputError


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.arange(3200, dtype=np.int16), 16000)
    return tmp_path / "a.wav"


def test_a_duration_is_samples_over_rate() -> None:
    assert AudioInfo(8000, 2000).duration_sec == 0.25


def test_files_archives_and_pipes(wav: Path, tmp_path: Path) -> None:
    kaldiio.save_ark(f"{tmp_path}/x.ark", {"u": (8000, np.ones(700, np.int16))})
    assert probe_audio(f" {wav}\t") == AudioInfo(16000, 3200)
    assert probe_audio(f"{tmp_path}/x.ark:2") == AudioInfo(8000, 700)
    assert probe_audio(f"head -c 99999 {wav} |") == AudioInfo(16000, 3200)
    slower = f"python3 -m moeasr.bin.perturb_speed 0.8 {wav} |"
    assert probe_audio(slower) == AudioInfo(16000, 4000)


def test_a_header_is_trusted_unless_all_is_read(tmp_path: Path) -> None:
    header = "NIST_1A\n   1024\nchannel_count -i 1\nsample_count -i 3300\nsample_rate -i 8000\n"
    header += "sample_n_bytes -i 2\nsample_byte_format -s2 01\n"
    header += "sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    path = tmp_path / "a.sph"
    path.write_bytes(header.encode().ljust(1024) + bytes(2 * 3200))
    assert probe_audio(str(path)) == AudioInfo(8000, 3300)
    with pytest.raises(InputError, match="compressed with Shorten"):
        probe_audio(str(path), read_all=True)


def test_faults_are_named(wav: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.int16), 8000)
    for name, fault in {
        "pipe.wav": r"pipe.wav: cannot be opened \(it is not a file\)",
        "none.wav": "none.wav: contains no samples",
        "x.wav": r"x.wav: cannot be opened \(No such file or directory\)",
    }.items():
        with pytest.raises(InputError, match=f"^{tmp_path}/{fault}$"):
            probe_audio(f"{tmp_path}/{name}")


def test_the_warning_counts() -> None:
    warning = overshoot_warning(3, "utterance")
    assert warning.startswith("warning: the headers of 3 utterances announce more samples")
