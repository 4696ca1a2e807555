"""Calls of decoding programs, and the effects parsed from them."""

import pytest

from moeasr.audio.probe import AudioInfo, info_after
from moeasr.audio.programs import MIXED, Resample, Speed, Stage, Volume, parse_command


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("cat a.wav", Stage("a.wav")),
        ("cat -", Stage(None)),
        ("cat", Stage(None)),
        ("flac -c -d -s a.flac", Stage("a.flac")),
        ("/usr/bin/flac -cds a.flac", Stage("a.flac")),
        ("flac -c -d --silent a.flac", Stage("a.flac")),
        ("flac --decode --stdout -s -", Stage(None)),
        ("sph2pipe -f wav a.sph", Stage("a.sph")),
        ("/k/tools/sph2pipe_v2.5/sph2pipe -f wav -p -c 2 a.sph", Stage("a.sph", 2)),
        ("sph2pipe -p -f rif a.sph", Stage("a.sph")),
        ("wav-copy a.ark:17 -", Stage("a.ark:17")),
        ("wav-copy - -", Stage(None)),
        ("sox a.wav -t wav -", Stage("a.wav")),
        ("sox -t wav - -t wav - speed 0.9", Stage(None, None, (Speed(0.9),))),
        ("sox --vol 1.5 -t wav a.wav -t wav -", Stage("a.wav", None, (Volume(1.5),))),
        ("sox -v 0.5 a.wav -t wavpcm - vol 2", Stage("a.wav", None, (Volume(0.5), Volume(2.0)))),
        ("sox a.wav -t wav - remix 2", Stage("a.wav", 2)),
        ("sox a.wav -t wav - remix -", Stage("a.wav", MIXED)),
        ("sox a.wav -r 8000 -b 16 -c 1 -t wav - remix 2", Stage("a.wav", 2, (Resample(8000),))),
        ("sox a.mp3 -t wav -r 16k -b 16 -e signed -", Stage("a.mp3", None, (Resample(16000),))),
        ("sox -t flac a -t wav -r 16k - channels 1", Stage("a", MIXED, (Resample(16000),))),
        ("sox -t wav - -c 1 -b 16 -t wav - rate 8000", Stage(None, MIXED, (Resample(8000),))),
        ("sox a.wav -t wav - rate -h 8k", Stage("a.wav", None, (Resample(8000),))),
        (
            "sox a.wav -r 8000 -t wav - speed 1.1",
            Stage("a.wav", None, (Speed(1.1), Resample(8000))),
        ),
        ("ffmpeg -i a.mp3 -f wav -", Stage("a.mp3")),
        (
            "ffmpeg -v 8 -nostdin -i a.mp3 -f wav -ar 16000 -ab 16 -ac 1 -acodec pcm_s16le pipe:1",
            Stage("a.mp3", MIXED, (Resample(16000),)),
        ),
        ("python3 -m moeasr.bin.perturb_speed 1.1 -", Stage(None, None, (Speed(1.1),))),
        ("python -m moeasr.bin.perturb_volume .5 a", Stage("a", None, (Volume(0.5),))),
        ("python3 -m moeasr.bin.resample 8000 a", Stage("a", None, (Resample(8000),))),
    ],
)
def test_calls_that_are_emulated(command, expected):
    assert parse_command(command.split(" ")) == expected


@pytest.mark.parametrize(
    "command",
    [
        "mpg123 -w - a.mp3",
        "cat a.wav b.wav",
        "cat -n a.wav",
        "flac -c -s a.flac",  # encodes
        "flac -d a.flac",  # writes a file
        "flac -c -d -F a.flac",
        "flac -c -d a.flac b.flac",
        "sph2pipe a.sph",  # writes SPHERE
        "sph2pipe -f raw a.sph",
        "sph2pipe -f wav -t 1:2 a.sph",
        "sph2pipe -f wav -c 0 a.sph",
        "sph2pipe -f wav a.sph a.wav",
        "sph2pipe -f wav",
        "wav-copy a.wav b.wav",
        "sox a.wav b.wav",
        "sox a.wav -",  # of which type?
        "sox a.wav -t wav",
        "sox a.wav b.wav -t wav -",
        "sox -r 8000 -e signed -b 16 -t raw a.raw -t wav -",
        "sox -t raw a.raw -t wav -",
        "sox -t ul a.ul -t wav -",
        "sox -r 22050 a.wav -t wav -",
        "sox a.wav -t wav -b 8 -",
        "sox a.wav -t wav -e mu-law -",
        "sox a.wav -t wav -c 2 -",
        "sox a.wav -t flac -",
        "sox |cat -t wav -",
        "sox a.wav -t wav - trim 0 1",
        "sox a.wav -t wav - remix 1,2",
        "sox a.wav -t wav - remix 1 2",
        "sox a.wav -t wav - remix 0",
        "sox a.wav -t wav - remix 2 remix 1",
        "sox a.wav -t wav - remix - remix 1",
        "sox a.wav -t wav - channels 1 remix 1",
        "sox a.wav -t wav - speed -1",
        "sox a.wav -t wav - downsample",
        "sox a.wav -t wav -r x -",
        "ffmpeg -i a.mp3 a.wav",
        "ffmpeg -i a.mp3 -",
        "ffmpeg -ss 1 -i a.mp3 -f wav -",
        "ffmpeg -ar 8000 -i a.mp3 -f wav -",
        "ffmpeg -i a.mp3 -af volume=2 -f wav -",
        "ffmpeg -i https://a/b.mp3 -f wav -",
        "ffmpeg -i - -f wav -",
        "ffmpeg -i a.mp3 -f wav -ac 2 -",
        "ffmpeg -i a.mp3 -f wav -acodec pcm_mulaw -",
        "python3 -m moeasr.bin.perturb_speed 0 a.wav",
        "python3 -m moeasr.bin.perturb_speed nan a.wav",
        "python3 -m moeasr.bin.resample 0.5 a.wav",
        "python3 -m other 1 a.wav",
        "python3 script.py",
    ],
)
def test_calls_that_are_left_to_the_program(command):
    assert parse_command(command.split(" ")) is None


@pytest.mark.parametrize("effect", [Speed(0.9), Speed(1.1), Volume(3.0), Resample(8000)])
def test_lengths_are_those_of_the_samples(effect):
    """The length follows from the header and the arithmetic of the effects."""
    import torch

    from moeasr.audio.recording import apply_effect

    for num_samples in (999, 16001):
        waveform, rate_hz = apply_effect(effect, torch.zeros(num_samples), 16000)
        assert info_after(effect, AudioInfo(16000, num_samples)) == (rate_hz, len(waveform), False)


def test_volume_is_cut_off_where_16_bits_end():
    import torch

    from moeasr.audio.recording import apply_effect

    waveform, _ = apply_effect(Volume(2.0), torch.tensor([0.25, 0.75, -0.75]), 16000)
    assert waveform.tolist() == [0.5, 32767 / 32768, -1.0]
