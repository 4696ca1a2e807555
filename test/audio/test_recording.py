"""All kinds of audio that a wav.scp may contain, valid and invalid."""

import math
import os
import shlex
import subprocess
from pathlib import Path

import kaldiio
import numpy as np
import pytest
import soundfile
import torch

from moeasr.audio.duration import measure_audio
from moeasr.audio.file import read_audio_bytes
from moeasr.audio.perturb import perturb_speed
from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import RecordingReader, resample
from moeasr.errors import InputError

RATE = 16000


def ramp(num_samples: int = 3200) -> np.ndarray:
    """Return int16 samples, each different from its neighbours."""
    return (np.arange(num_samples) * 37 % 20011 - 10000).astype(np.int16)


def as_float(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.astype(np.float32) / 32768)


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, ramp(), RATE)
    return path


@pytest.mark.parametrize(("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16")])
def test_samples_come_back_exactly(tmp_path: Path, suffix: str, subtype: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, ramp(), RATE, subtype=subtype)
    waveform, rate_hz = RecordingReader().read(str(path))
    assert rate_hz == RATE
    assert waveform.dtype == torch.float32
    assert torch.equal(waveform, as_float(ramp()))


def test_24_bit_and_float_samples_are_on_the_same_scale(tmp_path: Path) -> None:
    for subtype in ("PCM_24", "FLOAT"):
        path = tmp_path / f"{subtype}.wav"
        soundfile.write(path, as_float(ramp()).numpy(), RATE, subtype=subtype)
        torch.testing.assert_close(RecordingReader().read(str(path))[0], as_float(ramp()))


def sphere(coding: str, num_samples: int, samples: np.ndarray, order: str) -> bytes:
    """A NIST SPHERE file; `order` is "01" (little endian) or "10"."""
    header = (
        "NIST_1A\n   1024\n"
        f"channel_count -i 1\nsample_count -i {num_samples}\nsample_rate -i {RATE}\n"
        f"sample_n_bytes -i 2\nsample_byte_format -s2 {order}\nsample_sig_bits -i 16\n"
        f"sample_coding -s{len(coding)} {coding}\nend_head\n"
    )
    dtype = "<i2" if order == "01" else ">i2"
    return header.encode().ljust(1024) + samples.astype(dtype).tobytes()


@pytest.mark.parametrize("order", ["01", "10"])
def test_sphere_of_either_byte_order(tmp_path: Path, order: str) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(sphere("pcm", 3200, ramp(), order))
    waveform, rate_hz = RecordingReader().read(str(path))
    assert rate_hz == RATE
    assert torch.equal(waveform, as_float(ramp()))


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    left, right = ramp() // 2 * 2, np.full(3200, 1000, np.int16)
    soundfile.write(path, np.stack([left, right], axis=1), RATE)
    torch.testing.assert_close(RecordingReader().read(str(path))[0], as_float((left + right) // 2))


def test_8_khz_is_resampled(tmp_path: Path) -> None:
    path = tmp_path / "narrow.wav"
    time_sec = np.arange(8000) / 8000
    soundfile.write(path, 0.5 * np.sin(2 * math.pi * 440 * time_sec), 8000)
    waveform, rate_hz = resample(*RecordingReader().read(str(path)), RATE)
    assert (len(waveform), rate_hz) == (16000, RATE)
    expected = 0.5 * torch.sin(2 * math.pi * 440 * torch.arange(16000) / RATE)
    torch.testing.assert_close(waveform[200:-200], expected[200:-200], atol=2e-3, rtol=0)


def test_a_segment_of_a_file_a_pipe_and_an_archive(wav: Path, tmp_path: Path) -> None:
    ark = tmp_path / "wav.ark"
    kaldiio.save_ark(str(ark), {"x": (RATE, ramp(8000)), "utt": (RATE, ramp())})
    offset = ark.read_bytes().index(b"utt ") + 4
    for entry in (str(wav), f"cat {wav} |", f"{ark}:{offset}"):
        assert torch.equal(RecordingReader().read(entry)[0], as_float(ramp())), entry
        segment = RecordingReader().read(entry, start_sec=0.05, end_sec=0.1)[0]
        assert torch.equal(segment, as_float(ramp())[800:1600]), entry
        to_end = RecordingReader().read(entry, start_sec=0.05, end_sec=-1.0)[0]
        assert torch.equal(to_end, as_float(ramp())[800:]), entry


def test_a_flac_in_an_archive(tmp_path: Path) -> None:
    flac, ark = tmp_path / "a.flac", tmp_path / "flac.ark"
    soundfile.write(flac, ramp(), RATE)
    ark.write_bytes(b"utt " + flac.read_bytes())
    assert torch.equal(RecordingReader().read(f"{ark}:4")[0], as_float(ramp()))


def test_a_segment_may_overshoot_a_little_but_no_more(wav: Path) -> None:
    assert len(RecordingReader().read(str(wav), 0.1, 0.6)[0]) == 1600
    with pytest.raises(InputError, match=r"ends at 0.9 s, but .*a.wav is only 0.20 s long"):
        RecordingReader().read(str(wav), 0.1, 0.9)
    for start_sec, end_sec in [(0.3, 0.4), (0.1, 0.1), (0.25, None), (-0.1, 0.1)]:
        with pytest.raises(
            InputError, match="there is no audio between .*/a.wav, which is 0.20 s long"
        ):
            RecordingReader().read(str(wav), start_sec, end_sec)


def test_times_are_rounded_to_the_next_sample(wav: Path) -> None:
    """0.0625625 s is sample 1001, but the floating-point product is slightly less."""
    assert int(0.0625625 * RATE) == 1000
    assert torch.equal(RecordingReader().read(str(wav), 0.0625625)[0], as_float(ramp())[1001:])
    assert torch.equal(
        RecordingReader().read(str(wav), None, 0.0625625)[0], as_float(ramp())[:1001]
    )


def test_a_file_is_read_block_by_block(wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moeasr.audio.samples.BLOCK_SAMPLES", 1000)
    for end, length in ((None, 3200), (0.125, 2000), (0.13, 2080)):  # 2000 are two whole blocks
        assert torch.equal(
            RecordingReader().read(str(wav), None, end)[0], as_float(ramp())[:length]
        )


def test_float_samples_may_exceed_full_scale(tmp_path: Path) -> None:
    samples = np.array([0.5, -3.5, 2.0**31, -(2.0**31)] * 100, np.float32)
    soundfile.write(tmp_path / "loud.wav", samples, RATE, subtype="FLOAT")
    assert torch.equal(
        RecordingReader().read(str(tmp_path / "loud.wav"))[0], torch.from_numpy(samples)
    )
    assert measure_audio(str(tmp_path / "loud.wav"))[:2] == (RATE, 400)


def test_names_of_any_kind(tmp_path: Path) -> None:
    odd = ("with space.wav", "it's.wav", "odd.ark:12", "\u00a0no-break.wav\u3000")
    for name in (*odd, "a.raw", "a.RAW", "a", "a.flac"):
        path = tmp_path / name
        with open(path, "wb") as file:
            soundfile.write(file, ramp(), RATE, format="WAV")
        assert torch.equal(RecordingReader().read(str(path))[0], as_float(ramp()))
        assert measure_audio(str(path))[:2] == probe_audio(str(path))[:2] == (RATE, 3200)
        assert torch.equal(RecordingReader().read(f" {path}\t")[0], as_float(ramp()))


# -- speed perturbation ---------------------------------------------------------------------------


@pytest.fixture
def no_subprocess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail if any command is started."""

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"started {args}")

    monkeypatch.setattr(subprocess, "run", refuse)


@pytest.mark.usefixtures("no_subprocess")
def test_speed_perturbation_of_a_file_starts_no_process(tmp_path: Path) -> None:
    for name in ("a.wav", "with space.wav", "it's $HOME.wav"):
        path = tmp_path / name
        soundfile.write(path, ramp(), RATE)
        expected = perturb_speed(as_float(ramp()), RATE, 0.9)
        quotings = {shlex.quote(str(path)), "'" + str(path).replace("'", "'\\''") + "'"}
        for quoted in quotings:
            entry = f"python3 -m moeasr.bin.perturb_speed 0.9 {quoted} |"
            assert torch.equal(RecordingReader().read(entry)[0], expected), entry


def test_speed_perturbation_of_a_pipe_runs_only_the_pipe(
    wav: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []
    real_run = subprocess.run

    def watch(command: list[str], **kwargs: object) -> subprocess.CompletedProcess:
        commands.append(command[-1])
        return real_run(command, **kwargs)

    monkeypatch.setattr(subprocess, "run", watch)
    entry = f"tail -c +1 {wav} | cat | python3 -m moeasr.bin.perturb_speed 1.1 - |"
    waveform, rate_hz = RecordingReader().read(entry)
    assert torch.equal(waveform, perturb_speed(as_float(ramp()), RATE, 1.1))
    assert [command.split("; ")[1] for command in commands] == [f"tail -c +1 {wav}"]


@pytest.mark.usefixtures("no_subprocess")
@pytest.mark.parametrize("source", ["$WAV", "`ls`", "*.wav", "a.wav b.wav", '"$X"', "-"])
def test_words_that_the_shell_expands_are_left_to_the_shell(source: str) -> None:
    with pytest.raises(AssertionError, match="started"):
        RecordingReader().read(f"python3 -m moeasr.bin.perturb_speed 0.9 {source} |")


# -- faults ---------------------------------------------------------------------------------------


def refused(entry: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resample(*RecordingReader().read(entry), RATE)
    assert "\n" not in str(caught.value)


def test_missing_empty_and_foreign_files_are_named(tmp_path: Path) -> None:
    refused(str(tmp_path / "nowhere.wav"), "nowhere.wav does not exist")
    refused(str(tmp_path), "does not exist")
    refused("x" * 5000, "x does not exist")  # a command without its bar may be so long
    refused("a\0b", "does not exist")
    empty = tmp_path / "empty.wav"
    empty.touch()
    refused(str(empty), r"empty.wav is empty \(0 bytes\)")
    text = tmp_path / "text.wav"
    text.write_text("this is no audio\n" * 100)
    refused(str(text), "text.wav cannot be decoded: it is damaged or not audio")
    silent = tmp_path / "none.wav"
    soundfile.write(silent, np.zeros(0, np.int16), RATE)
    refused(str(silent), "none.wav contains no samples")
    for read in (measure_audio, probe_audio):
        with pytest.raises(InputError, match="none.wav:? contains no samples"):
            read(str(silent))


def test_a_value_that_is_no_audio_is_named_by_its_place_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moeasr.audio.samples.BLOCK_SAMPLES", 1000)
    samples = np.zeros(3000, np.float32)
    samples[2500] = math.nan
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    refused(str(tmp_path / "a.wav"), "a.wav contains NaN, .*: sample 2500 is nan")


@pytest.mark.parametrize("keep", [0.5, 0.99])
@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [
        ("wav", "PCM_16"),
        ("wav", "PCM_24"),
        ("aiff", "PCM_16"),
        ("au", "PCM_16"),
        ("w64", "PCM_16"),
        ("rf64", "PCM_16"),
    ],
)
def test_a_wav_cut_short_is_refused(tmp_path: Path, suffix: str, subtype: str, keep: float) -> None:
    path = tmp_path / f"cut.{suffix}"
    soundfile.write(path, ramp(), RATE, subtype=subtype)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    refused(
        str(path),
        rf"cut.{suffix} is truncated: its header announces \d+ bytes, but only \d+ are present",
    )


def test_an_mp3_cut_short_is_refused(tmp_path: Path) -> None:
    """The header has 8000 samples, and libsndfile stops silently at the end of the file."""
    path = tmp_path / "cut.mp3"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 8000), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(str(path), r"cut.mp3 is truncated: it ends after \d+ of 8000 samples")
    with pytest.raises(
        InputError, match=r"cut.mp3 is truncated: it ends after \d+ of 8000 samples"
    ):
        measure_audio(str(path))


def test_segments_of_an_mp3_are_those_of_the_whole_file(tmp_path: Path) -> None:
    """After a jump, the first frames lack data that the frames before them hold."""
    path, generator = tmp_path / "a.mp3", np.random.default_rng(0)
    times = np.arange(20 * RATE) / RATE
    loudness = np.abs(np.sin(2 * np.pi * 1.3 * times)) ** 8  # speech-like: a reservoir of bits
    samples = loudness * (0.2 * generator.standard_normal(len(times)) + 0.3 * np.sin(900 * times))
    soundfile.write(path, samples, RATE, compression_level=0.9)
    reader = RecordingReader()
    whole, _ = reader.read(str(path))
    for start in generator.integers(0, 19 * RATE, 40):
        segment, _ = reader.read(str(path), start / RATE, (start + 8000) / RATE)
        rounding = 4 * torch.finfo(torch.float32).eps  # of the decoder's filters
        torch.testing.assert_close(segment, whole[start : start + 8000], rtol=0, atol=rounding)


def test_a_pipe_chooses_its_channel_itself(tmp_path: Path) -> None:
    """Also if it chooses the mean of all channels, and the reader would read one."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([np.zeros(800), np.full(800, 0.5)], axis=1), RATE)
    for entry in (f"sox {path} -t wav -c 1 - |", f"ffmpeg -i {path} -ac 1 -f wav - |"):
        for segment in ((), (0.0, 0.02)):
            samples, _ = RecordingReader(1).read(entry, *segment)
            assert samples.unique().tolist() == [0.25]
    samples, _ = RecordingReader(1).read(str(path))
    assert samples.unique().tolist() == [0.0]


def test_a_program_may_stop_reading_early(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.wav", ramp(400_000)
    soundfile.write(path, samples, RATE)
    content = path.read_bytes()
    (tmp_path / "long.wav").write_bytes(content + b"\0" * 1_000_000)
    found, _ = RecordingReader().read(f"tail -c +1 {tmp_path}/long.wav | head -c {len(content)} |")
    assert torch.equal(found, as_float(samples))


@pytest.mark.parametrize("keep", [0.01, 0.5, 0.99])
def test_a_flac_cut_short_is_refused(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "cut.flac"
    noise = np.random.default_rng(0).integers(-3000, 3000, 8000, dtype=np.int16)
    soundfile.write(path, noise, RATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    refused(str(path), "cut.flac (cannot be decoded: it is damaged|is truncated)")


def test_a_sphere_cut_short_or_compressed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sph"
    path.write_bytes(sphere("pcm", 3200, ramp(3199), "01"))
    refused(
        str(path),
        "a.sph is truncated: its header announces 3200 samples, but only 3199 are present",
    )
    path.write_bytes(sphere("pcm,embedded-shorten-v2.00", 3200, ramp(), "01"))
    refused(str(path), "compressed with Shorten.* sph2pipe")


def test_a_wav_written_into_a_pipe_has_no_true_length_and_is_taken(wav: Path) -> None:
    """ffmpeg and sox write the sizes 0xFFFFFFFF and 0x7FFFF000 when they cannot seek."""
    content = bytearray(wav.read_bytes())
    at = content.index(b"data") + 4
    for size in (0xFFFFFFFF, 0x7FFFF000):
        content[at : at + 4] = size.to_bytes(4, "little")
        waveform = read_audio_bytes(bytes(content), "standard input").samples
        assert torch.equal(waveform, as_float(ramp()))


def test_a_flac_of_unknown_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stream.flac"
    soundfile.write(path, ramp(), RATE)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO's 36 bits of total samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    refused(str(path), "stream.flac does not contain its length")


def test_failing_and_silent_pipes_are_named(wav: Path, tmp_path: Path) -> None:
    refused("exit 3 |", "command `exit 3` failed with status 3")
    refused("no-such-program-here |", r"status 127 .*no-such-program-here.*not found\)$")
    missing = tmp_path / "nowhere.wav"
    refused(f"cat {missing} | cat |", f"audio file {missing} does not exist")
    refused(f"tail {missing} | head |", f"failed with status 1 .*{missing}")
    refused("true |", r"output of `true` is empty")
    refused("echo hello |", "output of `echo hello` cannot be decoded")
    refused(f"head -c 1000 {wav} |", "output of `head .*` is truncated")
    speed = "python3 -m moeasr.bin.perturb_speed 0.9"
    refused(f"{speed} {missing} |", "nowhere.wav does not exist")
    refused(f"tail {missing} | {speed} - |", f"command `tail {missing}` failed")


def test_a_pipe_does_not_wait_for_somebody_to_type() -> None:
    reading, writing = os.pipe()
    before = os.dup(0)
    os.write(writing, b"typed")
    os.close(writing)
    os.dup2(reading, 0)
    try:
        refused("cat - |", "output of `cat -` is empty")
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)


def test_bad_places_in_archives_are_named(tmp_path: Path) -> None:
    refused(f"{tmp_path}/nowhere.ark:7", "archive .*nowhere.ark: cannot be opened")
    ark = tmp_path / "wav.ark"
    kaldiio.save_ark(str(ark), {"utt": (RATE, ramp())})
    refused(f"{ark}:7", r"archive entry .*wav.ark:7 is not audio: expected a WAV file")
    refused(f"{ark}:999999", r"archive entry .*wav.ark:999999 lies beyond the end")
    ark.write_bytes(ark.read_bytes()[:1000])
    refused(f"{ark}:4", "archive entry .*wav.ark:4 is truncated")
    feats = tmp_path / "feats.ark"
    kaldiio.save_ark(str(feats), {"utt": np.ones((3, 2), np.float32)})
    refused(f"{feats}:4", "feats.ark:4 is not audio")


def test_a_named_pipe_is_no_file(tmp_path: Path) -> None:
    """Opening the pipe would block until a writer opens it."""
    os.mkfifo(tmp_path / "a.wav")
    refused(f"{tmp_path}/a.wav", "a.wav does not exist")
    for probe in (probe_audio, measure_audio):
        with pytest.raises(InputError, match="a.wav(: cannot be opened| does not exist)"):
            probe(f"{tmp_path}/a.wav")


def test_the_next_segment_of_a_pipe_is_not_decoded_again(wav: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    entry = f"echo x >> {log}; cat {wav} |"
    reader = RecordingReader()
    first, _ = reader.read(entry, 0.0, 0.1)
    second, _ = reader.read(entry, 0.1, 0.2)
    assert torch.equal(torch.cat([first, second]), as_float(ramp()))
    assert log.read_text() == "x\n"
    reader.read(f"tail -c +1 {wav} |")
    reader.read(entry)
    assert log.read_text() == "x\nx\n"
