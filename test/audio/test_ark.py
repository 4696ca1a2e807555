"""Archive entries of a wav.scp: every reader accepts audio and nothing else."""

import os
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile

from moeasr.audio.duration import measure_audio
from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import RecordingReader
from moeasr.bin import compute_cmvn, make_fbank, make_raw, make_shards, validate_data_dir
from moeasr.data.data_type import find_data_type
from moeasr.data.recognition_features import recognition_features
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig

RATE = 16000
REFUSED = "is not audio: expected a WAV file, a FLAC file or an AUDIO record of kaldiio"


class Trap:
    """An object that creates a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def __reduce__(self):
        return (os.mkdir, (self._path,))


def ramp(num_samples: int = 12000) -> np.ndarray:
    """Return int16 samples, each different from its neighbours."""
    return (np.arange(num_samples) * 37 % 20011 - 10000).astype(np.int16)


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """Write a data directory of audio in archives, with one record that is a pickle."""
    kaldiio.save_ark(str(tmp_path / "good.ark"), {"a": (RATE, ramp()), "b": (RATE, ramp())})
    trap = {"c": Trap(tmp_path / "sprung")}
    kaldiio.save_ark(str(tmp_path / "trap.ark"), trap, write_function="pickle")
    second = (tmp_path / "good.ark").read_bytes().index(b"b RIFF") + 2
    tables = {
        "wav.scp": f"a {tmp_path}/good.ark:2\nb {tmp_path}/good.ark:{second}\n"
        f"c {tmp_path}/trap.ark:2\n",
        "text": "a X\nb X\nc X\n",
        "utt2spk": "a a\nb b\nc c\n",
        "spk2utt": "a a\nb b\nc c\n",
    }
    data = tmp_path / "data"
    (data / "conf").mkdir(parents=True)
    for name, content in tables.items():
        (data / name).write_text(content)
    (data / "conf" / "fbank.yaml").write_text("num_mel_bins: 20\n")
    return data


def options(data: Path) -> list[str]:
    return ["--fbank-config", str(data / "conf" / "fbank.yaml")]


def make_features(data: Path) -> None:
    output = ["--ark", str(data / "x.ark"), "--scp", str(data / "x.scp")]
    make_fbank.main([*options(data), "--wav-scp", str(data / "wav.scp"), *output])
    assert [line[0] for line in (data / "x.scp").read_text().splitlines()] == ["a", "b"]
    raise InputError("c was skipped, as the log says")


def decode_raw(data: Path) -> None:
    utterances = find_data_type("raw").open(data)
    _, read = recognition_features(data, utterances, "raw", FbankConfig())
    for index in range(len(utterances)):
        read(index)


READERS = {
    "make_fbank": make_features,
    "make_raw": lambda data: make_raw.main([*options(data), "--nj", "1", str(data)]),
    "make_shards": lambda data: make_shards.main(
        [*options(data), "--nj", "1", str(data), str(data / "shards")]
    ),
    "check_audio": lambda data: validate_data_dir.main(["--no-feats", "--check-audio", str(data)]),
    "compute_cmvn": lambda data: compute_cmvn.main(
        ["--data-dir", str(data), "--data-type", "raw", "--out", str(data / "cmvn")]
    ),
    "decode": decode_raw,
}


@pytest.mark.parametrize("name", READERS)
def test_a_pickle_in_an_archive_is_never_unpickled(
    trapped: Path, name: str, capsys: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises((InputError, SystemExit)) as refusal:
        READERS[name](trapped)
    said = f"{refusal.value}{capsys.readouterr()}{caplog.text}"
    assert REFUSED in said
    assert not (trapped.parent / "sprung").exists()


def records(folder: Path) -> dict[str, dict[str, object]]:
    """Records that kaldiio can write, by their options."""
    return {
        "pickle": {"value": Trap(folder / "sprung"), "write_function": "pickle"},
        "numpy": {"value": np.ones(9), "write_function": "numpy"},
        "matrix": {"value": np.ones((3, 2), np.float32)},
        "text": {"value": np.ones((3, 2), np.float32), "text": True},
    }


@pytest.mark.parametrize("kind", ["pickle", "numpy", "matrix", "text"])
def test_every_reader_rejects_records_that_are_not_audio(tmp_path: Path, kind: str) -> None:
    record = records(tmp_path)[kind]
    kaldiio.save_ark(str(tmp_path / "x.ark"), {"u": record.pop("value")}, **record)
    entry = f"{tmp_path}/x.ark:2"
    readers = (RecordingReader().read, measure_audio, probe_audio)
    for piped in (entry, f"python3 -m moeasr.bin.perturb_speed 0.9 {entry} |"):
        for read in readers:
            with pytest.raises(InputError, match=f"archive entry {entry} {REFUSED}"):
                read(piped)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_kaldiios_audio_records_are_read(tmp_path: Path, form: str) -> None:
    audio = {"a": (ramp(3000), RATE), "b": (ramp(), 8000)}
    options = {"write_function": "soundfile", "write_kwargs": {"format": form}}
    scp = tmp_path / "x.scp"
    kaldiio.save_ark(str(tmp_path / "x.ark"), audio, scp=str(scp), **options)
    for line in scp.read_text().splitlines():
        utt, entry = line.split()
        samples, rate_hz = audio[utt]
        waveform, found_hz = RecordingReader().read(entry)
        assert found_hz == rate_hz
        np.testing.assert_array_equal(waveform.numpy(), samples / np.float32(32768))
        assert measure_audio(entry)[:2] == probe_audio(entry)[:2] == (rate_hz, len(samples))


def test_lengths_that_outrun_the_archive_read_nothing(tmp_path: Path) -> None:
    ark = tmp_path / "x.ark"
    for content in (
        b"RIFF\xff\xff\xff\xff",
        b"AUDIO\x08" + b"\xff" * 8,
        b"AUDIO\xff" + b"\xff" * 255,
    ):
        ark.write_bytes(content + bytes(100))
        with pytest.raises(InputError, match=f"archive entry {ark}:0 is truncated"):
            RecordingReader().read(f"{ark}:0")
    for offset in (10**30, 10**6):
        with pytest.raises(InputError, match="lies beyond the end of the archive"):
            RecordingReader().read(f"{ark}:{offset}")


def test_a_pipe_with_a_name_is_no_archive(tmp_path: Path) -> None:
    """Opening the pipe would block until a writer opens it."""
    os.mkfifo(tmp_path / "x.ark")
    with pytest.raises(InputError, match=r"archive .*x.ark: cannot be opened \(no such file\)"):
        RecordingReader().read(f"{tmp_path}/x.ark:0")


def test_archives_are_decoded_by_libsndfile_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError(args)

    soundfile.write(tmp_path / "a.flac", ramp(), RATE)
    (tmp_path / "x.ark").write_bytes(b"u " + (tmp_path / "a.flac").read_bytes())
    for name in ("load_mat", "load_ark"):
        monkeypatch.setattr(kaldiio, name, refuse)
    for name in ("read_kaldi", "_load_mat"):
        monkeypatch.setattr(kaldiio.matio, name, refuse)
    assert len(RecordingReader().read(f"{tmp_path}/x.ark:2")[0]) == 12000
