"""The `make-fbank` command, from audio files to archives of features, and batches of them."""

import logging
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.recording import RecordingReader, resample
from moeasr.bin import gather_fbank
from moeasr.bin.make_fbank import main
from moeasr.data.dataset import AsrDataset
from moeasr.data.loader import batch_stream
from moeasr.data.sampler import BatchConfig, BucketBatchSampler
from moeasr.data.selection import LengthLimits, load_utterances
from moeasr.datadir.table import Table
from moeasr.errors import InputError
from moeasr.features.archive import FeatureReader
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig


def write_wav(path: Path, num_samples: int, rate_hz: int = 16000) -> Path:
    samples = np.random.default_rng(num_samples).integers(-3000, 3000, num_samples)
    soundfile.write(path, samples.astype(np.int16), rate_hz)
    return path


def write_scp(folder: Path, entries: dict[str, str | Path]) -> Path:
    path = folder / "wav.scp"
    path.write_text("".join(f"{utt_id} {entry}\n" for utt_id, entry in entries.items()))
    return path


def make(folder: Path, *options: str) -> dict[str, torch.Tensor]:
    """Run the command and return the features that it wrote."""
    out = ["--ark", str(folder / "out.1.ark"), "--scp", str(folder / "out.1.scp")]
    main(["--wav-scp", str(folder / "wav.scp"), *out, *options])
    reader = FeatureReader()
    table = dict(Table(folder / "out.1.scp").items())
    return {utt_id: reader.read(entry, utt_id) for utt_id, entry in table.items()}


def expected(path: Path, **settings: float) -> torch.Tensor:
    config = FbankConfig(**settings)
    return compute_fbank(
        resample(*RecordingReader().read(str(path)), config.sample_rate_hz)[0], config
    )


def test_features_lengths_and_durations_are_written(tmp_path: Path) -> None:
    paths = {"a": write_wav(tmp_path / "a.wav", 16000), "b": write_wav(tmp_path / "b b.wav", 8056)}
    write_scp(tmp_path, paths)
    feats = make(tmp_path)
    assert list(feats) == ["a", "b"]
    for utt_id, path in paths.items():
        assert torch.equal(feats[utt_id], expected(path))
    assert (tmp_path / "out.1.utt2num_frames").read_text() == "a 100\nb 50\n"
    assert (tmp_path / "out.1.utt2dur").read_text() == "a 1.0\nb 0.5035\n"
    written = {path.name for path in tmp_path.iterdir()} - {"a.wav", "b b.wav", "wav.scp"}
    suffixes = ("ark", "scp", "utt2num_frames", "utt2dur", "report.json")
    assert written == {f"out.1.{suffix}" for suffix in suffixes}


def test_a_config_file_sets_the_features(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav", 8000)
    write_scp(tmp_path, {"a": path})
    config = tmp_path / "fbank.yaml"
    config.write_text("num_mel_bins: 23\nsnip_edges: true\nhigh_freq_hz: 4000\n")
    feats = make(tmp_path, "--fbank-config", str(config))
    assert torch.equal(
        feats["a"], expected(path, num_mel_bins=23, snip_edges=True, high_freq_hz=4e3)
    )
    config.write_text("num_mel_bin: 23\n")
    with pytest.raises(InputError, match="did you mean 'num_mel_bins'"):
        make(tmp_path, "--fbank-config", str(config))


def test_segments_of_recordings_are_used(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "long.wav", 32000)
    write_scp(tmp_path, {"rec": path, "pipe": f"cat {path} |"})
    segments = tmp_path / "segments"
    segments.write_text("u1 rec 0.5 1.25\nu2 rec 1.0 2.1\nu3 pipe 0.5 1.25\nu4 pipe 1.5 -1\n")
    feats = make(tmp_path, "--segments", str(segments))
    whole = RecordingReader().read(str(path))[0]
    for utt_id, start, end in (("u1", 8000, 20000), ("u2", 16000, 32000), ("u4", 24000, 32000)):
        assert torch.equal(feats[utt_id], compute_fbank(whole[start:end], FbankConfig())), utt_id
    assert torch.equal(feats["u3"], feats["u1"])
    assert dict(Table(tmp_path / "out.1.utt2dur").items())["u1"] == "0.75"


def test_unusable_utterances_are_listed_and_skipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # setup_logging would remove caplog's handler
    monkeypatch.setattr("moeasr.logs.setup_logging", lambda: None)
    cut = write_wav(tmp_path / "cut.wav", 16000)
    cut.write_bytes(cut.read_bytes()[:1000])
    entries = {
        "cut": cut,
        "good": write_wav(tmp_path / "good.wav", 16000),
        "gone": tmp_path / "gone.wav",
        "short": write_wav(tmp_path / "short.wav", 20),
    }
    write_scp(tmp_path, entries)
    with caplog.at_level(logging.INFO):
        feats = make(tmp_path)
    assert list(feats) == ["good"]
    assert "skipped utterance cut: audio file" in caplog.text
    assert "20 samples are too few for one frame" in caplog.text
    assert "skipped 3 utterances" in caplog.text
    assert "computed features of 1 of 4 utterances" in caplog.text


def test_other_sample_rates_are_resampled_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moeasr.logs.setup_logging", lambda: None)
    path = write_wav(tmp_path / "narrow.wav", 8000, rate_hz=8000)
    write_scp(tmp_path, {"a": path})
    with caplog.at_level(logging.WARNING):
        feats = make(tmp_path)
    assert torch.equal(feats["a"], expected(path))
    assert feats["a"].size(0) == 100
    assert (tmp_path / "out.1.utt2dur").read_text() == "a 1.0\n"
    assert "resampled 1 utterance from 8000 Hz" in caplog.text


def test_compressed_features_need_one_byte_per_value(tmp_path: Path) -> None:
    """In Kaldi's format, there are 21 bytes of header, 8 bytes per bin, the key and a space."""
    path = write_wav(tmp_path / "a.wav", 16000)
    write_scp(tmp_path, {"a": path})
    feats = make(tmp_path, "--compress")
    assert (tmp_path / "out.1.ark").stat().st_size == 2 + 21 + 8 * 80 + 100 * 80
    torch.testing.assert_close(feats["a"], expected(path), atol=0.1, rtol=0)


def test_dither_does_not_depend_on_the_split_into_jobs(tmp_path: Path) -> None:
    paths = {name: write_wav(tmp_path / f"{name}.wav", 4000) for name in "ab"}
    config = tmp_path / "fbank.yaml"
    config.write_text("dither: 1.0\n")
    write_scp(tmp_path, paths)
    together = make(tmp_path, "--fbank-config", str(config))
    write_scp(tmp_path, {"b": paths["b"]})
    alone = make(tmp_path, "--fbank-config", str(config))
    assert torch.equal(alone["b"], together["b"])
    # The two files have the same samples, so that only the dither differs.
    assert not torch.equal(together["a"], together["b"])
    other_seed = make(tmp_path, "--fbank-config", str(config), "--seed", "1")
    assert not torch.equal(other_seed["b"], together["b"])


def test_a_table_without_utterances_is_refused(tmp_path: Path) -> None:
    write_scp(tmp_path, {})
    with pytest.raises(InputError, match=r"wav\.scp contains no utterances$"):
        make(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["wav.scp"]


def test_batches_contain_the_features_of_the_audio(tmp_path: Path) -> None:
    paths = {f"u{n}": write_wav(tmp_path / f"{n}.wav", 8000 + 800 * n) for n in range(6)}
    write_scp(tmp_path, paths)
    make(tmp_path)
    for name in ("utt2num_frames", "scp"):
        (tmp_path / f"out.1.{name}").rename(
            tmp_path / ("feats.scp" if name == "scp" else "utt2num_frames")
        )
    utterances, skipped = load_utterances(tmp_path, None, lambda n: n // 4, LengthLimits())
    assert skipped == []
    sampler = BucketBatchSampler([u.num_frames for u in utterances], BatchConfig(max_utts=2), 0)
    dataset = AsrDataset(utterances, None, None, None, 0)
    seen = {}
    for batch in batch_stream(dataset, sampler, 0, 0, 0):
        for utt_id, feats, length in zip(batch.utt_ids, batch.feats, batch.feats_lens):
            seen[utt_id] = feats[:length]
    assert sorted(seen) == sorted(paths)
    for utt_id, path in paths.items():
        assert torch.equal(seen[utt_id], expected(path))


@pytest.mark.parametrize(
    ("options", "absent"),
    [
        ([], set()),
        (["--no-dur"], {"utt2dur"}),
        (["--no-num-frames", "--no-dur"], {"utt2dur", "utt2num_frames"}),
    ],
)
def test_options_exclude_tables_from_the_data_directory(tmp_path, options, absent):
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "fbank.yaml").write_text("num_mel_bins: 20\n")
    (data / "wav.scp").write_text("u1 a.wav\n")
    (data / "utt2spk").write_text("u1 u1\n")
    for name, value in (("scp", "x.ark:3"), ("utt2dur", "0.5"), ("utt2num_frames", "50")):
        (tmp_path / f"x.1.{name}").write_text(f"u1 {value}\n")
    config = ["--fbank-config", str(tmp_path / "fbank.yaml")]
    gather_fbank.main([*config, *options, str(data), str(tmp_path / "x.1.scp")])
    made = {"feats.scp", "utt2dur", "utt2num_frames", "frame_shift", "conf"} - absent
    assert {path.name for path in data.iterdir()} == {"wav.scp", "utt2spk"} | made
