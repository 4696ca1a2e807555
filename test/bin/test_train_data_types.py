"""The same training from stored features, audio files and shards; and its resumption."""

import subprocess
import sys
from pathlib import Path

import audio_sets
import pytest
import soundfile
import torch

from moeasr import checkpoint
from moeasr.bin import compute_cmvn, make_dict, train
from moeasr.config import dump_yaml
from moeasr.data.archive import open_archive
from moeasr.data.data_type import DATA_TYPES
from moeasr.errors import InputError

NUM_UTTS = 10
CONFIG = {
    "model": {
        "encoder": {
            "num_blocks": 1,
            "d_model": 16,
            "num_heads": 2,
            "feed_forward": {"type": "moe", "hidden_units": 16, "num_experts": 4},
        },
        "decoder": {"num_blocks": 1, "num_heads": 2},
        "reverse_weight": 0.0,
    },
    "data": {"batch": {"max_frames": 300}, "spec_augment": {"max_freq_bins": 4}},
    "train": {
        "max_epochs": 1,
        "save_every_steps": 2,
        "num_workers": 0,
        "optim": {"lr": 1e-2},
        "schedule": {"warmup_steps": 1},
    },
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A few utterances of differing lengths, two of them without speech, at three speeds."""
    wav = {
        f"u{n:02d}": audio_sets.write_audio(tmp_path / f"{n}.wav", 0.5 + 0.07 * n)
        for n in range(NUM_UTTS)
    }
    text = {utt: "abba"[: number % 5] for number, utt in enumerate(wav)}
    folder = audio_sets.write_dir(tmp_path / "set", wav_scp=wav, text=text)
    (tmp_path / "train.yaml").write_text(dump_yaml(CONFIG))
    make_dict.main(["--text", str(folder / "text"), "--out-dir", str(tmp_path / "lang")])
    return audio_sets.at_three_speeds(folder)


def compute_statistics(data_dir: Path, data_type: str) -> str:
    out = str(data_dir / "global_cmvn")
    compute_cmvn.main(["--data-dir", str(data_dir), "--data-type", data_type, "--out", out])
    return out


def run(data_dir: Path, data_type: str, exp_name: str, *options: str) -> dict[str, torch.Tensor]:
    """Train; the weights at the end."""
    root = data_dir.parent
    exp_dir, cmvn = root / exp_name, data_dir / "global_cmvn"
    if not cmvn.exists():
        compute_statistics(data_dir, data_type)
    sets = ["--train-dir", str(data_dir), "--dev-dir", str(data_dir), "--data-type", data_type]
    rest = ["--config", str(root / "train.yaml"), "--dict-dir", str(root / "lang")]
    train.main([*sets, *rest, "--cmvn", str(cmvn), "--exp-dir", str(exp_dir), *options])
    return checkpoint.load(exp_dir / "last.pt")["model"]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_training_is_the_same_bit_for_bit_whatever_is_read_and_by_whom(source):
    weights = {}
    for data_type in DATA_TYPES:
        data_dir = audio_sets.prepare(source, data_type)
        weights[data_type] = run(data_dir, data_type, f"exp_{data_type}")
    assert same(weights["feats"], weights["raw"])
    assert same(weights["feats"], weights["shard"])
    data_dir = source.with_name(f"{source.name}_shard")
    workers = run(data_dir, "shard", "exp_workers", "--set", "train.num_workers=2")
    assert same(weights["feats"], workers)
    other_seed = run(data_dir, "shard", "exp_seed", "--seed", "1")
    assert not same(weights["feats"], other_seed)


def spoil(data_dir: Path, data_type: str) -> tuple[Path, str]:
    """A file to hide, and what is said of it."""
    if data_type == "raw":  # the audio of an utterance that is in the eighth of 11 batches
        return data_dir.parent / "9.wav", r"utterance .*u09: audio file .*9\.wav does not exist"
    shard = sorted((data_dir.parent / "shards").glob("*.tar"))[4]  # first read amid the epoch
    return shard, f"utterance .*: shard {shard} cannot be read: No such file"


@pytest.mark.parametrize(
    ("data_type", "options"),
    [
        ("raw", ("--set", "train.num_workers=2")),
        ("shard", ()),
        ("shard", ("--set", "data.batch.window_shards=3", "--set", "train.num_workers=2")),
    ],
)
def test_a_training_that_lost_its_data_is_resumed_exactly_when_they_are_back(
    source, data_type, options
):
    data_dir = audio_sets.prepare(source, data_type)
    unbroken = run(data_dir, data_type, "unbroken", *options)
    path, message = spoil(data_dir, data_type)
    hidden = path.rename(path.with_suffix(".hidden"))
    with pytest.raises(InputError, match=f"^{message}"):
        run(data_dir, data_type, "broken", *options)
    state = checkpoint.load(data_dir.with_name("broken") / "last.pt")["trainer"]
    assert (state["epoch"], state["step"] > 0) == (1, True)
    hidden.rename(path)
    assert same(run(data_dir, data_type, "broken", *options), unbroken)


@pytest.mark.parametrize(
    ("feats", "fault"),
    [
        (torch.ones(57, 13), "have 13 bins, but 20 are expected; make the features of its set"),
        (torch.full((57, 20), float("nan")), "are not finite"),
    ],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_stored_features_that_do_not_fit_are_named_by_utterance(source, feats, fault, num_workers):
    data_dir = audio_sets.prepare(source, "feats")
    compute_statistics(data_dir, "feats")
    with open_archive(data_dir / "x.ark", data_dir / "x.scp") as archive:
        archive.write("u01", feats)
    table = (data_dir / "feats.scp").read_text().splitlines()
    bad = (data_dir / "x.scp").read_text().strip()
    lines = [bad if line.startswith("u01 ") else line for line in table]
    (data_dir / "feats.scp").write_text("".join(f"{line}\n" for line in lines))
    with pytest.raises(InputError, match=rf"^features of utterance u01 \(.*x.ark:4\) {fault}"):
        run(data_dir, "feats", "exp", "--set", f"train.num_workers={num_workers}")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_audio_that_is_not_finite_is_named_by_utterance(source, num_workers):
    data_dir = audio_sets.prepare(source, "raw")
    compute_statistics(data_dir, "raw")
    path = data_dir.parent / "3.wav"
    samples, rate_hz = soundfile.read(path, dtype="float32")
    samples[100] = float("nan")
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    message = r"^utterance (sp0.9-|sp1.1-)?u03: audio file .*3\.wav holds NaN, infinity"
    with pytest.raises(InputError, match=message):
        run(data_dir, "raw", "exp", "--set", f"train.num_workers={num_workers}")


def test_a_window_of_shards_wants_shards(source):
    data_dir = audio_sets.prepare(source, "raw")
    with pytest.raises(InputError, match="`data.batch.window_shards` needs --data-type shard"):
        run(data_dir, "raw", "exp", "--set", "data.batch.window_shards=3")


def test_a_set_that_is_not_ready_is_refused(source):
    raw = audio_sets.prepare(source, "raw")
    compute_statistics(raw, "raw")
    with pytest.raises(InputError, match=r"set_sp_raw has no shards\.scp; make it with utils/make"):
        run(raw, "shard", "exp")
    (raw / "conf" / "fbank.yaml").unlink()
    with pytest.raises(InputError, match=r"has no conf/fbank\.yaml; make it with utils/make_raw"):
        run(raw, "raw", "exp")


HOLDER = """
import sys
from moeasr.lock import lock_directory
with lock_directory(sys.argv[1], "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_training_in_one_directory_is_refused_before_it_writes(source):
    data_dir = audio_sets.prepare(source, "raw")
    exp_dir = data_dir.with_name("exp")
    command = [sys.executable, "-c", HOLDER, str(exp_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=rf"exp: training .* \(process {holder.pid} on .*\)"):
            run(data_dir, "raw", "exp")
        assert [path.name for path in exp_dir.iterdir()] == [".lock"]
        holder.stdin.close()
    run(data_dir, "raw", "exp")


def changed_options(changes):
    return [option for change in changes for option in ("--set", change)]


def test_a_training_out_of_memory_goes_on_with_smaller_batches(source):
    data_dir = audio_sets.prepare(source, "raw")
    compute_statistics(data_dir, "raw")
    path, message = spoil(data_dir, "raw")
    hidden = path.rename(path.with_suffix(".hidden"))
    with pytest.raises(InputError, match=f"^{message}"):
        run(data_dir, "raw", "exp")
    hidden.rename(path)
    changes = ("data.batch.max_frames=150", "model.encoder.dropout=0.2", "data.spec_augment=null")
    run(data_dir, "raw", "exp", *changed_options(changes))
    for sentence in (
        "going on with another data.batch.max_frames: 150, it was 300",
        "going on with another model.encoder.dropout: 0.2, it was 0.1",
        "epoch 1 begins again from its first batch, because its batches have changed",
    ):
        assert sentence in (data_dir.with_name("exp") / "train.log").read_text()
    with pytest.raises(InputError, match=r"`model\.encoder\.d_model` is 32, but was 16 so far"):
        run(data_dir, "raw", "exp", "--set", "model.encoder.d_model=32")


def test_a_training_that_stopped_at_once_starts_anew_without_the_utterance(source):
    """Nothing was learnt, so that the data may be other ones."""
    data_dir = audio_sets.prepare(source, "raw")
    wavs = sorted(source.parent.glob("*.wav"))
    compute_statistics(data_dir, "raw")
    hidden = [path.rename(path.with_suffix(".hidden")) for path in wavs]
    with pytest.raises(InputError, match=r"utterance .* does not exist"):
        run(data_dir, "raw", "exp")
    for path in hidden:
        path.rename(path.with_suffix(".wav"))
    for name in ("text", "wav.scp", "utt2spk", "utt2dur", "utt2num_frames"):
        table = data_dir / name
        if table.exists():
            table.write_text("".join(table.read_text().splitlines(keepends=True)[1:]))
    weights = run(data_dir, "raw", "exp")
    assert same(weights, run(data_dir, "raw", "fresh"))
    log = (data_dir.with_name("exp") / "train.log").read_text()
    assert log.count("training starts anew") == 1
