"""Recordings in directories, data directories, and the layouts of MUSAN and RIRS_NOISES."""

import numpy as np
import pytest
import soundfile
import torch
from speech_sets import RATE_HZ, tone, write_sound

from moeasr.augment.sounds import open_sounds
from moeasr.errors import InputError


def ramp(num_samples: int, first: int = 0) -> torch.Tensor:
    """Return samples that tell their position."""
    return torch.arange(first, first + num_samples) / 2**16


def lengths(source, content) -> list[int]:
    sounds = open_sounds(str(source), content, RATE_HZ)
    return [len(sounds.read(number)) for number in range(len(sounds))]


def test_a_directory_is_searched_for_audio_in_sorted_order(tmp_path):
    write_sound(tmp_path / "b" / "x.flac.wav", ramp(30))
    write_sound(tmp_path / "a.WAV", ramp(20))
    write_sound(tmp_path / ".hidden.wav", ramp(40))
    (tmp_path / "LICENSE").write_text("free\n")
    assert lengths(tmp_path, "noise") == [20, 30]


def test_excerpts_are_successive_samples_of_all_places(tmp_path):
    write_sound(tmp_path / "a.wav", ramp(10))
    sounds = open_sounds(str(tmp_path), "noise", RATE_HZ)
    found = [sounds.excerpt(4, np.random.default_rng(seed)) for seed in range(50)]
    assert {int(part[0] * 2**16) for part in found} == set(range(7))
    assert all(torch.equal(part, ramp(4, int(part[0] * 2**16))) for part in found)
    rng = np.random.default_rng(0)
    assert torch.equal(sounds.excerpt(25, rng), ramp(10).repeat(3)[:25])


def test_other_rates_are_resampled(tmp_path):
    times = torch.arange(8000) / 8000
    write_sound(tmp_path / "a.wav", 0.1 * torch.sin(2 * torch.pi * 440 * times), 8000)
    sounds = open_sounds(str(tmp_path), "noise", RATE_HZ)
    assert torch.allclose(sounds.read(0)[500:-500], tone(16000, 440)[500:-500], atol=1e-3)
    assert len(sounds.excerpt(999, np.random.default_rng(0))) == 999
    assert len(sounds.excerpt(20_000, np.random.default_rng(0))) == 20_000


def test_the_first_of_several_channels_is_read(tmp_path):
    both = torch.stack([ramp(10), -ramp(10)], dim=1)
    soundfile.write(tmp_path / "a.wav", both.numpy(), RATE_HZ, subtype="FLOAT")
    assert torch.equal(open_sounds(str(tmp_path), "rooms", RATE_HZ).read(0), ramp(10))
    path = tmp_path / "a.wav"
    for entry in (path, f"cat {path} |", f"sox {path} -t wav - remix 1 |"):
        (tmp_path / "wav.scp").write_text(f"r {entry}\n")
        assert torch.equal(open_sounds(str(tmp_path), "rooms", RATE_HZ).read(0), ramp(10))
    (tmp_path / "wav.scp").write_text(f"r sox {path} -t wav - remix 2 |\n")
    assert torch.equal(open_sounds(str(tmp_path), "rooms", RATE_HZ).read(0), -ramp(10))


def test_a_data_directory_may_have_segments_and_commands(tmp_path, caplog):
    path = write_sound(tmp_path / "audio" / "a.wav", ramp(16000))
    (tmp_path / "wav.scp").write_text(f"r1 {path}\nr2 head -c 999999 {path} |\n")
    with caplog.at_level("INFO"):
        assert lengths(tmp_path, "noise") == [16000, 16000]
    assert "reading this table runs shell commands, the first one for r2" in caplog.text
    (tmp_path / "segments").write_text("u1 r1 0.25 0.5\nu2 r2 0.5 -1\n")
    assert lengths(tmp_path, "noise") == [4000, 8000]
    sounds = open_sounds(str(tmp_path), "noise", RATE_HZ)
    assert torch.equal(sounds.read(0), ramp(4000, 4000))
    excerpt = sounds.excerpt(3000, np.random.default_rng(0))
    assert torch.equal(excerpt, ramp(3000, int(excerpt[0] * 2**16)))


def test_the_layout_of_musan(tmp_path):
    for number, name in enumerate(("music", "noise", "speech"), start=1):
        write_sound(tmp_path / name / "set" / f"{name}-0000.wav", ramp(number))
    assert lengths(tmp_path, "noise") == [2]
    assert lengths(tmp_path, "speech") == [3]
    assert lengths(tmp_path / "music", "noise") == [1]
    with pytest.raises(InputError, match="is MUSAN, which contains no impulse responses"):
        open_sounds(str(tmp_path), "rooms", RATE_HZ)


@pytest.fixture
def rirs_noises(tmp_path):
    """The layout of RIRS_NOISES: 1 and 2 samples are rooms, 3 and 4 samples are noise."""
    root = tmp_path / "RIRS_NOISES"
    small, real = "simulated_rirs/smallroom", "real_rirs_isotropic_noises"
    write_sound(root / small / "Room001" / "Room001-00001.wav", ramp(1))
    write_sound(root / real / "RWCP_type1_rir.wav", ramp(2))
    write_sound(root / real / "RWCP_type4_noise.wav", ramp(3))
    write_sound(root / "pointsource_noises" / "noise-0.wav", ramp(4))
    lists = {
        f"{small}/rir_list": "--rir-id 00001 --room-id 001 "
        f"RIRS_NOISES/{small}/Room001/Room001-00001.wav",
        f"{real}/rir_list": f"--rir-id 2 --room-id 2 RIRS_NOISES/{real}/RWCP_type1_rir.wav",
        f"{real}/noise_list": "--noise-id 1 --noise-type isotropic "
        f"RIRS_NOISES/{real}/RWCP_type4_noise.wav",
        "pointsource_noises/noise_list": "--noise-id 2 --noise-type point-source "
        "--bg-fg-type foreground RIRS_NOISES/pointsource_noises/noise-0.wav",
    }
    for name, line in lists.items():
        (root / name).write_text(f"{line}\n")
    return root


def test_the_layout_of_rirs_noises(rirs_noises):
    assert lengths(rirs_noises, "rooms") == [2, 1]
    assert lengths(rirs_noises / "simulated_rirs", "rooms") == [1]
    assert lengths(rirs_noises, "noise") == [4, 3]
    (rirs_noises / "pointsource_noises" / "noise-0.wav").unlink()
    message = r"pointsource_noises/noise_list, line 1: there is no file RIRS_NOISES/pointsource"
    with pytest.raises(InputError, match=message):
        open_sounds(str(rirs_noises), "noise", RATE_HZ)


def test_the_longest_recording_is_measured_in_seconds(tmp_path):
    write_sound(tmp_path / "a.wav", ramp(1000), 8000)
    write_sound(tmp_path / "b.wav", ramp(1500), 16000)
    assert open_sounds(str(tmp_path), "rooms", RATE_HZ).longest().place.utt_id == "a"


@pytest.mark.parametrize(
    ("content", "rate_hz", "message"),
    [
        ("empty", RATE_HZ, r"a\.wav contains no samples"),
        ("text", RATE_HZ, r"a\.wav"),
        ("slow", 10, r"a\.wav has a sample rate of 10 Hz, which is not between"),
    ],
)
def test_recordings_that_cannot_be_used_are_named(tmp_path, content, rate_hz, message):
    path = tmp_path / "a.wav"
    if content == "text":
        path.write_text("no audio\n")
    else:
        write_sound(path, ramp(0 if content == "empty" else 100), rate_hz)
    with pytest.raises(InputError, match=message) as caught:
        open_sounds(str(tmp_path), "noise", RATE_HZ)
    assert "\n" not in str(caught.value)
