"""A copy of a data directory with augmented audio."""

import math
import re
from pathlib import Path

import pytest
import soundfile
import torch
from speech_sets import tone, write_sound
from tables import read_tables, write_tables

from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.augment.gain import GainConfig
from moeasr.augment.joining import JoinConfig
from moeasr.augment.mixing import power
from moeasr.augment.noise import NoiseConfig
from moeasr.errors import InputError
from moeasr.kaldi.augment_dir import augment_data_dir, read_augmentations

UTTS = ("a-1", "a-2", "b-1")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three tones, of which the last one has another sample rate."""
    tables = {
        "wav.scp": "".join(f"{utt} {tmp_path}/{utt}.wav\n" for utt in UTTS),
        "text": "a-1 ONE\na-2\nb-1 TWO\n",
        "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
        "spk2utt": "a a-1 a-2\nb b-1\n",
        "utt2lang": "a-1 en\na-2 en\nb-1 zh\n",
        "feats.scp": "a-1 old.ark:4\n",
    }
    for utt, num_samples, rate_hz in zip(UTTS, (8000, 9000, 4000), (16000, 16000, 8000)):
        write_sound(tmp_path / f"{utt}.wav", tone(num_samples, 500), rate_hz)
    return write_tables(tmp_path / "source", tables)


def augment(source: Path, *configs, **settings) -> Path:
    target = source.with_name("target")
    augment_data_dir(source, target, configs, lambda message: None, **settings)
    return target


def audio(data: Path) -> dict[str, torch.Tensor]:
    entries = dict(line.split(" ", 1) for line in (data / "wav.scp").read_text().splitlines())
    return {utt: torch.from_numpy(soundfile.read(path)[0]) for utt, path in entries.items()}


def test_ids_speakers_languages_and_transcripts_are_kept(source):
    found = read_tables(augment(source, NoiseConfig(prob=1.0)))
    before = read_tables(source)
    for name in ("text", "utt2spk", "spk2utt", "utt2lang"):
        assert found[name] == before[name]
    assert "feats.scp" not in found


def test_labels_of_ones_own_are_kept(source):
    (source / "utt2accent").write_text("a-1 north\nb-1 south\n")
    found = read_tables(augment(source, NoiseConfig(prob=1.0)))
    assert found["utt2accent"] == read_tables(source)["utt2accent"]


def test_audio_is_written_at_one_rate_with_the_snr_that_is_asked_for(source):
    data = augment(source, NoiseConfig(prob=1.0, kinds=("white",), snr_db=(10.0, 10.0)))
    found = audio(data)
    assert [len(found[utt]) for utt in UTTS] == [8000, 9000, 8000]
    for utt, num_samples in zip(UTTS[:2], (8000, 9000)):
        clean = tone(num_samples, 500, torch.float64)
        ratio_db = 10 * math.log10(power(clean) / power(found[utt] - clean))
        assert ratio_db == pytest.approx(10, abs=0.01)  # rounded to 16 bits
    assert {soundfile.info(path).samplerate for path in (data / "audio").iterdir()} == {16000}
    narrow = augment(source, GainConfig(prob=1.0), sample_rate_hz=8000)
    assert [len(audio(narrow)[utt]) for utt in UTTS] == [4000, 4500, 4000]


def test_the_seed_decides_and_a_rerun_replaces(source):
    found = [audio(augment(source, NoiseConfig(prob=1.0), seed=seed)) for seed in (1, 1, 2)]
    for utt in UTTS:
        assert torch.equal(found[0][utt], found[1][utt])
        assert not torch.equal(found[0][utt], found[2][utt])


def test_loud_audio_is_written_at_a_lower_level_and_not_clipped(source):
    found = audio(augment(source, GainConfig(prob=1.0, gain_db=(40.0, 40.0))))["a-1"]
    clean = 10 * tone(8000, 500, torch.float64)
    assert torch.allclose(found, clean, atol=2.0**-15)  # 1 is rounded to the largest sample


def test_segments_become_files(source):
    (source / "segments").write_text("a-1 r1 0.1 0.3\na-2 r1 0.25 0.5\nb-1 r2 0 -1\n")
    lines = (source / "wav.scp").read_text().splitlines()
    (source / "wav.scp").write_text(f"r1 {lines[0].split()[1]}\nr2 {lines[2].split()[1]}\n")
    data = augment(source, GainConfig(prob=1.0, gain_db=(0.0, 0.0)))
    found = audio(data)
    assert not (data / "segments").exists()
    clean = tone(8000, 500, torch.float64)
    assert torch.allclose(found["a-1"], clean[1600:4800], atol=2.0**-16)
    assert torch.allclose(found["a-2"], clean[4000:], atol=2.0**-16)


def test_joined_utterances_have_both_transcripts(source):
    data = augment(source, *read_augmentations("[{type: join}]"))
    first = (data / "text").read_text().splitlines()[0].split()
    assert first[0] == "a-1" and set(first[1:]) <= {"ONE", "TWO"}
    assert len(audio(data)["a-1"]) > 8000


def test_utterances_of_different_languages_are_not_joined(source):
    (source / "text").write_text("a-1 ONE\na-2 TWO\nb-1 YI\n")
    for seed in range(4):
        target = augment(source, JoinConfig(prob=1.0), seed=seed)
        joined = (target / "text").read_text().splitlines()
        assert [("YI" in text, "ONE" in text or "TWO" in text) for text in joined] == [
            *[(False, True)] * 2,
            (True, False),
        ]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_augmentation_can_be_written_and_changes_every_utterance(source, name):
    found = audio(augment(source, *read_augmentations(f"[{{type: {name}}}]")))
    for utt, num_samples in zip(UTTS[:2], (8000, 9000)):
        clean = tone(num_samples, 500, torch.float64)
        same_length = found[utt].shape == clean.shape
        assert not same_length or not torch.allclose(found[utt], clean, atol=1e-4)


def test_a_list_is_read_with_its_probabilities():
    found = read_augmentations("[{type: gain, first_epoch: 7}, {type: noise, prob: 0.25}]")
    assert found == (GainConfig(prob=1.0), NoiseConfig(prob=0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "--augment names no augmentation"),
        ("[{", "--augment is not YAML: "),
        ("[3]", "--augment: 'augment[0]' must be a section of keys, but is 3"),
        ("{type: gain}", "--augment: 'augment' must be a list"),
        ("[{type: nose}]", "'augment[0].type' must be one of join, silence, reverb, noise"),
    ],
)
def test_a_wrong_list_is_named(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_augmentations(text)


def test_a_fault_leaves_the_target_alone(source, tmp_path):
    data = augment(source, GainConfig(prob=1.0))
    before = read_tables(data), sorted((data / "audio").iterdir())
    with pytest.raises(InputError, match=r"^`augment\[0\]` \(noise\): there is no directory none$"):
        augment(source, NoiseConfig(source="none"))
    samples, rate_hz = soundfile.read(tmp_path / "b-1.wav", dtype="float32")
    samples[10] = float("nan")
    soundfile.write(tmp_path / "b-1.wav", samples, rate_hz, subtype="FLOAT")
    with pytest.raises(InputError, match=r"b-1\.wav contains NaN"):
        augment(source, GainConfig(prob=1.0))
    (tmp_path / "b-1.wav").unlink()
    with pytest.raises(InputError, match=r"^utterance b-1: audio file .*b-1\.wav does not exist"):
        augment(source, GainConfig(prob=1.0))
    assert (read_tables(data), sorted((data / "audio").iterdir())) == before
    hidden = [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert not hidden


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text", None, "no such file .*source/text"),
        ("wav.scp", None, "no such file .*source/wav.scp"),
        ("text", "a-1 ONE\nb-1 TWO\n", "source/text has no line for utterance a-2; to remove"),
        ("wav.scp", "", "source/wav.scp contains no utterances$"),
        ("utt2spk", "a-1 a\nb-1 b\n", "source/utt2spk has no line for utterance a-2"),
    ],
)
def test_incomplete_sources_are_refused(source, name, content, message):
    (source / name).unlink()
    if content is not None:
        (source / name).write_text(content)
    with pytest.raises(InputError, match=message):
        augment(source, GainConfig())
    assert not source.with_name("target").exists()


def test_source_and_target_differ(source):
    with pytest.raises(InputError, match="<srcdir> and <destdir> to be different"):
        augment_data_dir(source, source, (GainConfig(),), lambda message: None)


def test_a_target_that_contains_the_source_would_lose_it(source):
    before = sorted(source.parent.iterdir())
    with pytest.raises(InputError, match="the destination .* contains the source"):
        augment_data_dir(source, source.parent, (GainConfig(),), lambda message: None)
    assert sorted(source.parent.iterdir()) == before and read_tables(source)


def test_each_id_has_its_own_file(source):
    for name in ("wav.scp", "text", "utt2spk", "spk2utt", "utt2lang"):
        text = (source / name).read_text().replace("a-1", "a%2F").replace("a-2", "a/")
        (source / name).write_text(text.replace("/a%2F.", "/a-1.").replace("/a/.", "/a-2."))
    sounds = audio(augment(source, GainConfig(gain_db=(0.0, 0.0))))
    assert [len(sounds[utt]) for utt in ("a%2F", "a/")] == [8000, 9000]


def test_a_target_may_be_a_link(source, tmp_path):
    (tmp_path / "disk").mkdir()
    source.with_name("target").symlink_to(tmp_path / "disk")
    assert augment(source, GainConfig()).is_symlink()
    assert (tmp_path / "disk" / "wav.scp").is_file() and len(audio(tmp_path / "disk")) == 3


def test_audio_that_cannot_be_written_is_named(source):
    long = "a-2" + "x" * 260
    for name in ("wav.scp", "text", "utt2spk", "spk2utt", "utt2lang"):
        text = (source / name).read_text().replace("a-2", long)
        (source / name).write_text(text.replace(f"/{long}.wav", "/a-2.wav"))
    with pytest.raises(OSError, match="File name too long"):
        augment(source, GainConfig())
    assert not source.with_name("target").exists()
