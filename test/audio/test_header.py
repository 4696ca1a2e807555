"""Headers that do not match the data after them, and samples that are not audio."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.duration import measure_audio
from moeasr.audio.file import Audio, read_audio_bytes, read_segment
from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import RecordingReader, resample
from moeasr.bin import make_fbank, make_raw, make_shards, validate_data_dir
from moeasr.errors import InputError

RATE = 16000
NUM_SAMPLES = 4000


def ramp(num_samples: int = NUM_SAMPLES) -> np.ndarray:
    """Return int16 samples, each different from its neighbours."""
    return (np.arange(num_samples) * 37 % 20011 - 10000).astype(np.int16)


def as_float(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.astype(np.float32) / 32768)


def chunk(name: bytes, content: bytes, size: int | None = None, pad: bool = True) -> bytes:
    """Return a chunk, optionally with a wrong size or without padding."""
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + b"\0" * (pad and len(content) % 2)


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
SAMPLES = ramp().tobytes()


def wav(*chunks: bytes, size: int | None = None) -> bytes:
    """Return a WAV file with some chunks."""
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks), size)


def data(size: int) -> bytes:
    """Return a WAV file whose header gives a length of its samples in bytes."""
    return wav(FORMAT, chunk(b"data", SAMPLES, size))


def long(extra: int) -> bytes:
    return data(len(SAMPLES) + extra)


OVERSHOOTING = {
    "the byte of padding is counted": long(1),
    "the header is counted, but for 8 bytes": long(36),
    "the header is counted": long(44),
    "a length that stands for none": data(2_000_000_000),
}
FAULTY = {
    "no length, no samples known": data(0),
    "no lengths at all": wav(FORMAT, chunk(b"data", SAMPLES, 0), size=0),
    "the length of sox into a pipe": data(0x7FFFF000),
    "the length of ffmpeg into a pipe": wav(
        FORMAT, chunk(b"data", SAMPLES, 0xFFFFFFFF), size=2**32 - 1
    ),
    "a chunk of odd length without padding": wav(
        FORMAT, chunk(b"LIST", b"abcde", pad=False), chunk(b"data", SAMPLES)
    ),
    "two chunks of samples, of which the first counts": wav(
        FORMAT,
        chunk(b"LIST", b"abcde", pad=False),
        chunk(b"data", SAMPLES),
        chunk(b"data", bytes(100)),
    ),
    "both": wav(FORMAT, chunk(b"LIST", b"abcde", pad=False), chunk(b"data", SAMPLES, 0)),
}


@pytest.mark.parametrize("name", [*OVERSHOOTING, *FAULTY])
def test_all_samples_are_read_in_spite_of_a_faulty_header(tmp_path: Path, name: str) -> None:
    content = (OVERSHOOTING | FAULTY)[name]
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    overshoots = name in OVERSHOOTING
    for audio in (read_segment(str(path)), read_audio_bytes(content, "standard input")):
        assert torch.equal(audio.samples, as_float(ramp()))
        assert audio.header_overshoots == overshoots
    reader = RecordingReader()
    for entry in (str(path), f"tail -c +1 {path} |"):
        part, rate_hz = reader.read(entry, 0.05, 0.1)
        assert torch.equal(part, as_float(ramp())[800:1600])
        assert reader.last_header_overshoots == overshoots
        assert measure_audio(entry) == (RATE, NUM_SAMPLES, overshoots)
        assert probe_audio(entry)[:2] == probe_audio(entry, read_all=True)[:2]
        assert probe_audio(entry)[:2] == (RATE, NUM_SAMPLES)


@pytest.mark.parametrize("extra", [46, 100, 10_000_000])
def test_a_header_that_exceeds_the_data_by_more_than_its_size_means_truncation(extra: int) -> None:
    with pytest.raises(
        InputError, match=f"is truncated: its header announces {8000 + extra} bytes"
    ):
        read_audio_bytes(long(extra), "x")


def test_a_repaired_file_is_as_short_as_it_was() -> None:
    """The file has half of the announced samples, and a padding byte before them."""
    odd = chunk(b"LIST", b"abcde", pad=False)
    with pytest.raises(
        InputError, match="is truncated: its header announces 8000 bytes, but only 4002"
    ):
        read_audio_bytes(wav(FORMAT, odd, chunk(b"data", SAMPLES[:4000], 8000)), "x")


def test_a_header_may_be_a_block_of_its_codec_too_high(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", ramp(), RATE, subtype="MS_ADPCM")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    block = struct.unpack("<H", content[32:34])[0]
    assert block > 44
    at = content.index(b"data") + 4
    size = struct.unpack("<I", content[at : at + 4])[0]
    expected = read_audio_bytes(bytes(content), "x")
    content[at : at + 4] = struct.pack("<I", size + block)
    found = read_audio_bytes(bytes(content), "x")
    assert torch.equal(found.samples, expected.samples)
    assert (expected.header_overshoots, found.header_overshoots) == (False, True)
    content[at : at + 4] = struct.pack("<I", size + block + 1)
    with pytest.raises(InputError, match="x is truncated"):
        read_audio_bytes(bytes(content), "x")


@pytest.mark.parametrize(
    "chunks",
    [(chunk(b"data", b""),), (chunk(b"data", b""), chunk(b"LIST", b"INFO of nobody"))],
    ids=["end", "chunk"],
)
def test_chunks_after_an_empty_data_chunk_are_not_samples(chunks: tuple[bytes, ...]) -> None:
    with pytest.raises(InputError, match="x contains no samples"):
        read_audio_bytes(wav(FORMAT, *chunks), "x")


def test_one_that_only_looks_like_a_wav_is_not_audio() -> None:
    for content in (wav(), wav(b"\0" * 40), wav(chunk(b"data", SAMPLES)), wav(FORMAT[:12])):
        with pytest.raises(
            InputError, match=r"^x (cannot be decoded: it is damaged or not audio|contains no)"
        ):
            read_audio_bytes(content, "x")


UNSEEKABLE = [
    ("WAV", "GSM610"),
    ("WAV", "G721_32"),
    ("WAV", "NMS_ADPCM_16"),
    ("WAV", "NMS_ADPCM_24"),
    ("WAV", "NMS_ADPCM_32"),
    ("W64", "GSM610"),
    ("AIFF", "GSM610"),
    ("AU", "G721_32"),
    ("AU", "G723_24"),
]


@pytest.mark.parametrize(("form", "subtype"), UNSEEKABLE)
def test_formats_that_cannot_be_sought_in_are_read(tmp_path: Path, form: str, subtype: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, ramp(), 8000, format=form, subtype=subtype)
    with soundfile.SoundFile(path) as audio:
        assert not audio.seekable()
        expected = torch.from_numpy(audio.read(audio.frames, dtype="float32"))
    assert len(expected) >= NUM_SAMPLES
    for entry in (str(path), f"sox -t wav {path} -t wav - |"):
        whole, rate_hz = RecordingReader().read(entry)
        assert rate_hz == 8000
        assert torch.equal(whole, expected)
        assert torch.equal(RecordingReader().read(entry, 0.1, 0.2)[0], expected[800:1600])
        assert measure_audio(entry)[:2] == (8000, len(expected))
        assert probe_audio(entry, read_all=True)[:2] == (8000, len(expected))


@pytest.mark.parametrize(("form", "subtype"), UNSEEKABLE)
def test_and_refused_if_they_are_cut_short(tmp_path: Path, form: str, subtype: str) -> None:
    path = tmp_path / "a"
    soundfile.write(path, ramp(), 8000, format=form, subtype=subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    for read in (measure_audio, lambda entry: RecordingReader().read(entry)):
        with pytest.raises(InputError, match="a is truncated"):
            read(str(path))


def test_a_length_that_no_memory_holds_is_no_reason_to_ask_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, ramp(), RATE)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # STREAMINFO's 36 bits of total samples
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    with pytest.raises(InputError, match="a.flac (is truncated|cannot be decoded)"):
        RecordingReader().read(str(path))


@pytest.mark.slow
def test_the_header_of_shorten_gives_durations(tmp_path: Path) -> None:
    """The samples of a Shorten file cannot be decoded, but its header contains their number."""
    header = (
        b"NIST_1A\n   1024\nsample_count -i 24000\nsample_rate -i 16000\n"
        b"sample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
    )
    path = tmp_path / "a.wv1"
    path.write_bytes(header.ljust(1024) + b"ajkg")
    for entry in (str(path), f"sph2pipe -f wav -p {path} |"):
        assert probe_audio(entry).duration_sec == 1.5
        refusal = "a.wv1 is a SPHERE file compressed with Shorten.* convert it to WAV with NIST's"
        with pytest.raises(InputError, match=refusal):
            measure_audio(entry)
        with pytest.raises(InputError, match=refusal):
            probe_audio(entry, read_all=True)
    path.write_bytes(path.read_bytes().replace(b"-i 16000", b"-i 160  "))
    with pytest.raises(InputError, match="a.wv1 has a sample rate of 160 Hz"):
        probe_audio(str(path))


# -- sample rates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [1, 999, 1_000_001, 10_000_000, 2**31 - 1])
def test_rates_that_are_none_of_audio_are_refused(tmp_path: Path, rate_hz: int) -> None:
    path = tmp_path / "a.wav"
    content = bytearray(data(len(SAMPLES)))
    content[24:28] = struct.pack("<I", rate_hz)
    path.write_bytes(content)
    fault = f"a.wav has a sample rate of {rate_hz} Hz, which is not between 1000 and 1000000 Hz"
    for read in (measure_audio, probe_audio, lambda entry: RecordingReader().read(entry)):
        for entry in (str(path), f"tail -c +1 {path} |"):
            with pytest.raises(
                InputError, match=fault.removeprefix("a.wav") if "|" in entry else fault
            ):
                read(entry)


@pytest.mark.parametrize("rate_hz", [0, 10, 10**9])
def test_rates_to_resample_to_are_bounded(tmp_path: Path, rate_hz: int) -> None:
    (tmp_path / "a.wav").write_bytes(data(len(SAMPLES)))
    with pytest.raises(InputError, match=f"must be between 1000 and 1000000 Hz, but is {rate_hz}"):
        resample(*RecordingReader().read(str(tmp_path / "a.wav")), rate_hz)


# -- values ---------------------------------------------------------------------------------------


@pytest.fixture(params=[np.nan, np.inf, -np.inf, 1e30])
def bad(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Write a data directory of a good recording and one with a bad sample in the middle."""
    samples = as_float(ramp(16000)).numpy()
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    samples[8000] = request.param
    soundfile.write(tmp_path / "b.wav", samples, RATE, subtype="DOUBLE")
    folder = tmp_path / "data"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "fbank.yaml").write_text("num_mel_bins: 20\n")
    (folder / "wav.scp").write_text(f"a {tmp_path}/a.wav\nb {tmp_path}/b.wav\n")
    for name in ("text", "utt2spk", "spk2utt"):
        (folder / name).write_text("a a\nb b\n")
    return folder


FAULT = (
    r"b.wav contains NaN, infinity or an absurdly large value: sample 8000 is (nan|-?inf|1e\+30)"
)


def test_values_that_are_no_audio_are_named_by_every_reader(bad: Path) -> None:
    path = bad.parent / "b.wav"
    for read in (measure_audio, read_segment, lambda entry: RecordingReader().read(entry)):
        with pytest.raises(InputError, match=FAULT):
            read(str(path))
        assert read(str(bad.parent / "a.wav"))
    with pytest.raises(InputError, match="x contains NaN, infinity or an absurdly large value"):
        read_audio_bytes(path.read_bytes(), "x")
    assert isinstance(read_audio_bytes((bad.parent / "a.wav").read_bytes(), "x"), Audio)
    with pytest.raises(InputError, match=FAULT):  # the number counts from the beginning of the file
        RecordingReader().read(str(path), 0.25, 0.75)
    assert (
        len(RecordingReader().read(str(path), 0.0, 0.5)[0]) == 8000
    )  # what is not read is no fault


def test_they_are_counted_with_other_bad_audio(bad: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="1 of 2 utterances have bad audio:\nutterance b: .*NaN"):
        validate_data_dir.main(["--no-feats", "--check-audio", str(bad)])
    config = ["--fbank-config", str(bad / "conf" / "fbank.yaml")]
    output = ["--ark", str(bad / "x.ark"), "--scp", str(bad / "x.scp")]
    make_fbank.main([*config, "--wav-scp", str(bad / "wav.scp"), *output])
    assert "skipped utterance b: " in capsys.readouterr().err
    assert [line[0] for line in (bad / "x.scp").read_text().splitlines()] == ["a"]
    for make in (
        lambda: make_raw.main([*config, "--nj", "1", str(bad)]),
        lambda: make_shards.main([*config, "--nj", "1", str(bad), str(bad / "shards")]),
    ):
        with pytest.raises(SystemExit, match="at least 95 % must"):
            make()
        assert (bad / "left_out.txt").read_text().startswith("b ")


# -- once per set ---------------------------------------------------------------------------------


@pytest.fixture
def overshooting(tmp_path: Path) -> Path:
    """Write a data directory of three recordings, two with too large a length in the header."""
    folder = tmp_path / "data"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "fbank.yaml").write_text("num_mel_bins: 20\n")
    for name, content in (("a", long(44)), ("b", long(1)), ("c", long(0))):
        (tmp_path / f"{name}.wav").write_bytes(content)
    entries = "".join(f"{name} {tmp_path}/{name}.wav\n" for name in "abc")
    (folder / "wav.scp").write_text(entries)
    for name in ("text", "utt2spk", "spk2utt"):
        (folder / name).write_text("a a\nb b\nc c\n")
    return folder


def test_headers_that_overshoot_are_counted_once_per_set(
    overshooting: Path, capfd: pytest.CaptureFixture
) -> None:
    config = ["--fbank-config", str(overshooting / "conf" / "fbank.yaml")]
    output = ["--ark", str(overshooting / "x.ark"), "--scp", str(overshooting / "x.scp")]
    shards = str(overshooting / "shards")
    for main, arguments in (
        (validate_data_dir.main, ["--no-feats", "--check-audio", str(overshooting)]),
        (make_fbank.main, [*config, "--wav-scp", str(overshooting / "wav.scp"), *output]),
        (make_raw.main, [*config, "--nj", "2", str(overshooting)]),
        (make_shards.main, [*config, "--nj", "2", str(overshooting), shards]),
    ):
        main(arguments)
        captured = capfd.readouterr()
        assert (captured.out + captured.err).count("announce more samples than are present") == 1
        assert "warning: the headers of 2 " in captured.out + captured.err
