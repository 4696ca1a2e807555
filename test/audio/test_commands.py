"""Commands in a wav.scp: run as in Kaldi, announced once per set, and rejected if forbidden."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from moeasr.audio.command_notice import command_notice
from moeasr.audio.commands import NO_COMMANDS, are_commands_forbidden
from moeasr.audio.duration import measure_audio
from moeasr.audio.probe import probe_audio
from moeasr.audio.recording import RecordingReader
from moeasr.bin import (
    compute_cmvn,
    get_reco2dur,
    get_utt2dur,
    make_fbank,
    make_raw,
    make_shards,
    perturb_speed,
    validate_data_dir,
)
from moeasr.errors import InputError

NOTICE = "wav.scp: reading this table runs shell commands, the first one for b: `head -c 99999"
REFUSAL = "was not run: commands in wav.scp are forbidden by --no-commands or MOEASR_NO_COMMANDS=1"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a set of a file, two shell commands and a command that moeasr emulates."""
    monkeypatch.delenv(NO_COMMANDS, raising=False)
    monkeypatch.setenv(NO_COMMANDS, "0")  # an option of an entry point is undone after the test
    wav = tmp_path / "a.wav"
    soundfile.write(wav, (np.arange(9000) * 37 % 20011 - 10000).astype(np.int16), 16000)
    shell = f"head -c 99999 {wav} | cat |"
    entries = {"a": wav, "b": shell, "c": shell, "d": f"flac -c -d -s {wav} |"}
    data = tmp_path / "data"
    (data / "conf").mkdir(parents=True)
    (data / "conf" / "fbank.yaml").write_text("num_mel_bins: 20\n")
    (data / "wav.scp").write_text("".join(f"{utt} {entry}\n" for utt, entry in entries.items()))
    (data / "text").write_text("".join(f"{utt} X\n" for utt in entries))
    for name in ("utt2spk", "spk2utt"):
        (data / name).write_text("".join(f"{utt} {utt}\n" for utt in entries))
    return data


def fbank(data: Path) -> list[str]:
    return ["--fbank-config", str(data / "conf" / "fbank.yaml")]


def calls(data: Path, nj: int = 1) -> dict[str, tuple[ModuleType, list[str]]]:
    """Entry points that read a wav.scp, with their arguments."""
    jobs = ["--nj", str(nj)]
    output = ["--ark", str(data / "x.ark"), "--scp", str(data / "x.scp")]
    cmvn = ["--data-dir", str(data), "--data-type", "raw", "--out", str(data / "cmvn")]
    return {
        "make_fbank": (make_fbank, [*fbank(data), "--wav-scp", str(data / "wav.scp"), *output]),
        "make_raw": (make_raw, [*fbank(data), *jobs, str(data)]),
        "make_shards": (make_shards, [*fbank(data), *jobs, str(data), str(data / "shards")]),
        "check_audio": (validate_data_dir, ["--no-feats", "--check-audio", str(data)]),
        "compute_cmvn": (compute_cmvn, [*jobs, *cmvn]),
        "get_utt2dur": (get_utt2dur, [*jobs, str(data)]),
        "get_reco2dur": (get_reco2dur, [*jobs, str(data)]),
    }


NAMES = (
    "make_fbank",
    "make_raw",
    "make_shards",
    "check_audio",
    "compute_cmvn",
    "get_utt2dur",
    "get_reco2dur",
)


def run(entry_point: ModuleType, arguments: list[str], capfd: pytest.CaptureFixture) -> str:
    """Return the output of an entry point and its workers, with its exit status."""
    try:
        entry_point.main(arguments)
        status: object = 0
    except (SystemExit, InputError) as error:
        status = error
    output, errors = capfd.readouterr()
    return f"{output}{errors}\nstatus {status}"


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_announced_once_per_set(
    data: Path, name: str, capfd: pytest.CaptureFixture
) -> None:
    entry_point, arguments = calls(data, nj=2)[name]
    said = run(entry_point, arguments, capfd)
    assert said.count(NOTICE) == 1
    assert said.endswith("status 0")


@pytest.mark.parametrize("by", ["option", "variable"])
@pytest.mark.parametrize("name", NAMES)
def test_forbidden_commands_never_reach_the_shell(
    data: Path, name: str, by: str, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_point, arguments = calls(data, nj=2)[name]
    marker = data / "ran"
    table = (data / "wav.scp").read_text()
    (data / "wav.scp").write_text(table.replace("head -c", f"touch {marker}; head -c"))
    if by == "option":
        arguments = ["--no-commands", *arguments]
    else:
        monkeypatch.setenv(NO_COMMANDS, "1")
    said = run(entry_point, arguments, capfd)
    assert REFUSAL in said
    assert "runs commands in the shell" not in said
    assert not marker.exists()
    # what is read without the shell still is: a and d are half of the set
    assert said.endswith("status 0") == (name in ("make_fbank", "get_utt2dur", "get_reco2dur"))


@pytest.mark.parametrize("name", ["decode", "train", "usage", "stream", "get_utt2num_frames"])
def test_other_readers_of_a_wav_scp_take_the_option(name: str, data: Path) -> None:
    parser = import_module(f"moeasr.bin.{name}").get_parser()
    assert "--no-commands" in parser.format_help()
    with pytest.raises(SystemExit):  # what is required is missing; the option has been heard
        parser.parse_args(["--no-commands", "--no-such-option"])
    assert are_commands_forbidden()


def test_emulated_commands_are_not_forbidden(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NO_COMMANDS, "1")
    entry = f"flac -c -d -s {data.parent}/a.wav | python3 -m moeasr.bin.perturb_speed 0.9 - |"
    assert len(RecordingReader().read(entry)[0]) == 10000
    assert measure_audio(entry)[:2] == probe_audio(entry)[:2] == (16000, 10000)


def test_a_decoder_that_would_have_to_run_is_forbidden(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """sph2pipe is started only for formats that libsndfile cannot decode."""
    program, audio = data / "sph2pipe", data / "a.sph"
    program.write_text(f"#!/bin/sh\ntouch {data}/ran\ncat {data.parent}/a.wav\n")
    program.chmod(0o755)
    sizes = b"sample_rate -i 16000\nsample_count -i 9000\n"
    audio.write_bytes(b"NIST_1A\n" + sizes + b"sample_coding -s26 pcm,embedded-shorten-v2.00\n")
    monkeypatch.setenv("PATH", str(data), prepend=":")
    entry = f"sph2pipe -f wav {audio} |"
    assert "runs shell commands, the first one for u: `sph2pipe" in str(
        command_notice("wav.scp", [("u", entry)])
    )
    gone = f"sph2pipe -f wav {data}/gone.sph |"  # for its reader to say
    assert command_notice("wav.scp", [("u", gone)]) is None
    monkeypatch.setenv(NO_COMMANDS, "1")
    assert command_notice("wav.scp", [("u", entry), ("v", "head -c 9 a.wav |")]) is None
    for read in (RecordingReader().read, measure_audio):
        with pytest.raises(InputError, match="a.sph is a SPHERE file compressed with Shorten"):
            read(entry)
    assert not (data / "ran").exists()
    monkeypatch.setenv(NO_COMMANDS, "")
    assert len(RecordingReader().read(entry)[0]) == 9000
    assert measure_audio(entry)[:2] == (16000, 9000)


def test_commands_that_moeasr_does_itself_are_not_announced(data: Path) -> None:
    wav = data.parent / "a.wav"
    entries = [("a", str(wav)), ("d", f"flac -c -d -s {wav} |"), ("e", "flac -c -d -s gone.flac |")]
    assert command_notice("wav.scp", entries) is None


def test_the_filters_of_a_pipe_take_the_option(data: Path) -> None:
    with pytest.raises(InputError, match="was not run: commands in wav.scp are forbidden"):
        perturb_speed.main(["--no-commands", "0.9", f"tail -c +1 {data.parent}/a.wav |"])
