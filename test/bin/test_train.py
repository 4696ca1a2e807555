"""The `train` command: all types of data, several processes, resuming, and faults in the data."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import audio_sets
import pytest
import soundfile
import torch
from two_processes import TRAINING, run_two_processes
from unreliable_server import UnreliableServer, serving

from moeasr import checkpoint
from moeasr.augment.augmentations import AUGMENTATIONS
from moeasr.bin import average, compute_cmvn, make_dict, train
from moeasr.config import load_yaml
from moeasr.data.data_type import DATA_TYPES
from moeasr.data.dataset import AsrDataset
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.cmvn import CmvnStats
from moeasr.lock import lock_directory
from moeasr.models.build import load_model
from moeasr.yaml_text import dump_yaml

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
        "writers": ["jsonl"],  # the pictures for TensorBoard take longer than the training
        "num_workers": 0,
        "optim": {"lr": 1e-2},
        "schedule": {"warmup_steps": 1},
    },
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Create utterances of different lengths at three speeds, some of them without speech."""
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


def arguments(data_dir: Path, data_type: str, exp_name: str, *options: str) -> list[str]:
    """Return the command line of a training whose dev set is its training set."""
    root = data_dir.parent
    cmvn = data_dir / "global_cmvn"
    if not cmvn.exists():
        compute_statistics(data_dir, data_type)
    sets = ["--train-dir", str(data_dir), "--dev-dir", str(data_dir), "--data-type", data_type]
    rest = ["--config", str(root / "train.yaml"), "--dict-dir", str(root / "lang")]
    return [*sets, *rest, "--cmvn", str(cmvn), "--exp-dir", str(root / exp_name), *options]


def run(data_dir: Path, data_type: str, exp_name: str, *options: str) -> dict[str, torch.Tensor]:
    """Train, and return the final weights."""
    train.main(arguments(data_dir, data_type, exp_name, *options))
    return checkpoint.load(data_dir.with_name(exp_name) / "last.pt")["model"]


def metrics(exp_dir: Path, kind: str) -> list[dict]:
    """Return the lines of one kind in metrics.jsonl."""
    lines = (exp_dir / "metrics.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if line["kind"] == kind]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_training_is_bit_identical_for_all_data_types_and_numbers_of_workers(source):
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


@pytest.mark.slow
@pytest.mark.usefixtures("fails_rather_than_hangs")
@pytest.mark.parametrize(
    ("window", "ranges", "num_workers"), [("null", True, 2), ("2", True, 0), ("2", False, 2)]
)
def test_shards_from_an_unreliable_server_give_the_weights_of_local_ones(
    source, window, ranges, num_workers
):
    """Every seventh response breaks off, after more and more bytes."""
    data_dir = audio_sets.prepare(source, "shard")
    options = ("--set", f"data.batch.window_shards={window}", "--set")
    local = run(data_dir, "shard", "local", *options, "train.num_workers=0")
    drops = [2000 * n if n % 7 == 0 else None for n in range(1, 71)]
    server = UnreliableServer(data_dir.with_name("shards"), drops, ranges=ranges)
    with serving(server):
        audio_sets.move_shards(data_dir, server.address)
        remote = run(data_dir, "shard", "remote", *options, f"train.num_workers={num_workers}")
    assert same(remote, local)
    assert len(server.drops) < 40


def changed_options(changes):
    return [option for change in changes for option in ("--set", change)]


NOT_RANDOM = changed_options(
    (
        *(
            "model.encoder.dropout=0",
            "model.encoder.attention_dropout=0",
            "model.decoder.dropout=0",
        ),
        *("model.encoder.dynamic_chunk=false", "data.spec_augment=null", "train.log_every_steps=1"),
        "model.encoder.feed_forward.router=balanced",
    )
)


def test_a_preflight_builds_everything_and_writes_nothing(source, capsys, monkeypatch):
    data_dir = audio_sets.prepare(source, "raw")
    exp_dir = data_dir.with_name("exp")
    command = arguments(data_dir, "raw", "exp", "--preflight")
    capsys.readouterr()
    train.main(command)
    batches = ["batch of the longest utterances", "batch of the most utterances"]
    beginnings = ["checkpoints", *batches, "peak memory", "an epoch"]
    assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == beginnings
    assert not exp_dir.exists()
    run(data_dir, "raw", "exp")
    before = {path: path.read_bytes() for path in exp_dir.rglob("*") if path.is_file()}
    train.main([*command, "--set", "train.max_epochs=2"])
    assert before == {path: path.read_bytes() for path in exp_dir.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"`model\.encoder\.d_model` is 32, but was 16"):
        train.main([*command, "--set", "model.encoder.d_model=32"])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 0))
    with pytest.raises(InputError, match=f"^{data_dir.parent}/new: .* is room for 0 MB"):
        train.main(arguments(data_dir, "raw", "new", "--preflight"))


@pytest.mark.slow
def test_a_training_writes_metrics_pictures_and_its_data_sets(source):
    """Each dev transcript has one word or none. The model has hardly learnt, so it makes errors."""
    pytest.importorskip("matplotlib")
    data_dir = audio_sets.prepare(source, "feats")
    run(data_dir, "feats", "exp", "--set", "train.best_by=wer")
    exp_dir = data_dir.with_name("exp")
    (dev,) = metrics(exp_dir, "dev")
    info = checkpoint.load(exp_dir / "epoch_1.pt")["info"]
    assert info["dev_wer"] == info["cost"] == dev["wer"] > 0
    images = {path.name for path in (exp_dir / "images").iterdir()}
    assert images == {"loss.png", "wer.png", "expert_load.png"}
    sets = json.loads((exp_dir / "data_sets.json").read_text())
    assert sets["train"]["dir"] == str(data_dir) and sets["dev"]["num_utts"] > 0
    log = (exp_dir / "train.log").read_text()
    assert f"dev WER {dev['wer']:.2f} %" in log
    assert f"utterances of {data_dir}" in log and "WARNING" not in log


def test_masked_cells_have_the_corpus_mean_and_dev_is_not_masked(source):
    """Completely masked features train like features that equal the mean everywhere."""
    data_dir = audio_sets.prepare(source.with_name("set"), "feats")
    mean, _ = CmvnStats.load(compute_statistics(data_dir, "feats")).mean_istd()
    flat = data_dir.with_name("flat")
    shutil.copytree(data_dir, flat)
    with open_archive(flat / "flat.ark", flat / "feats.scp") as archive:
        for utt, feats in audio_sets.features(data_dir, "feats").items():
            archive.write(utt, mean.expand_as(feats))
    # The probability that these masks leave a bin of an utterance uncovered is below 1e-16.
    masks = ("data.spec_augment.num_freq_masks=200", "data.spec_augment.max_freq_bins=20")
    masked = run(data_dir, "feats", "masked", *changed_options(masks))
    unmasked = changed_options(["data.spec_augment=null"])
    assert same(masked, run(flat, "feats", "flat", "--dev-dir", str(data_dir), *unmasked))
    dev = [metrics(data_dir.with_name(name), "dev") for name in ("masked", "flat")]
    assert dev[0] == dev[1] and len(dev[0]) == 1


@pytest.mark.slow
def test_a_training_starts_from_a_trained_model_and_is_distilled_from_a_teacher(source):
    """The teacher is the same model, so there is nothing to learn and only router biases change."""
    data_dir = audio_sets.prepare(source.with_name("set"), "feats")
    one_step = [*NOT_RANDOM, "--set", "data.batch.max_frames=100000"]
    trained = run(data_dir, "feats", "trained", *one_step)
    mean, _ = CmvnStats.load(data_dir / "global_cmvn").mean_istd()
    assert torch.equal(trained["cmvn.mean"], mean)
    start, teacher = data_dir.with_name("start.pt"), data_dir.with_name("teacher.pt")
    for path in (start, teacher):
        shutil.copy(data_dir.with_name("trained") / "epoch_1.pt", path)
    changes = (f"init.model={start}", f"distillation.teacher={teacher}", "train.optim.lr=1e-30")
    options = [*one_step, *changed_options(changes)]
    weights = run(data_dir, "feats", "exp", *options)
    bias = "encoder.blocks.0.feed_forward.router.bias"
    # The dev set is the training set, so that it shows the routing of the next step.
    (usage,) = metrics(data_dir.with_name("trained"), "experts")
    shares = torch.tensor([usage[f"layer_00/expert_{expert}"] for expert in range(4)])
    moved = trained.pop(bias) + 1e-3 * (0.25 - shares).sign()
    torch.testing.assert_close(weights.pop(bias), moved, rtol=0, atol=1e-9)
    assert same(weights, trained)
    (line,) = metrics(data_dir.with_name("exp"), "train")
    assert line["loss_distill_ctc"] == pytest.approx(0.0, abs=1e-4)  # rounding

    start.unlink()  # a resumed training has its weights
    run(data_dir, "feats", "exp", *options, "--set", "train.max_epochs=2")
    longer = [*options, "--set", "train.max_epochs=3"]
    shutil.copy(data_dir.with_name("exp") / "epoch_2.pt", teacher)
    with pytest.raises(InputError, match=r"last\.pt was trained with another teacher"):
        run(data_dir, "feats", "exp", *longer)
    shutil.copy(data_dir.with_name("trained") / "epoch_1.pt", teacher)
    text = data_dir / "text"
    text.write_text("".join(text.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(InputError, match=r"last\.pt was trained with another training set"):
        run(data_dir, "feats", "exp", *longer)


DENSE = "model.encoder.feed_forward={type: dense, hidden_units: 16}"
SHARED = (
    "model.encoder.feed_forward={type: moe, shared_expert_units: 16, hidden_units: 4, "
    "num_experts: 4}"
)
ONLY_EXPERTS = "train.freeze=[{modules: ['*'], except: ['*.experts', '*.router']}]"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "trained"),
    [
        ((DENSE, "init.model={start}", "adapter.type=lora"), {"attention", "feed_forward"}),
        ((SHARED, "init.dense={start}", ONLY_EXPERTS), {"experts", "router"}),
    ],
    ids=["lora", "experts"],
)
def test_an_adapter_resumes_exactly_and_its_checkpoints_are_plain_models(source, changes, trained):
    data_dir = audio_sets.prepare(source, "raw")
    run(data_dir, "raw", "base", "--set", DENSE)
    start = data_dir.with_name("base") / "epoch_1.pt"
    more = ("train.ema.decay=0.9", "train.optim.weight_decay=0.1")
    options = changed_options([change.replace("{start}", str(start)) for change in changes + more])
    unbroken = run(data_dir, "raw", "unbroken", *options)
    path, message = spoil(data_dir, "raw")
    hidden = path.rename(path.with_suffix(".hidden"))
    with pytest.raises(InputError, match=f"^{message}"):
        run(data_dir, "raw", "broken", *options)
    hidden.rename(path)
    assert checkpoint.load(data_dir.with_name("broken") / "last.pt")["trainer"]["step"] > 0
    assert same(run(data_dir, "raw", "broken", *options), unbroken)

    average.main(["--exp-dir", str(data_dir.with_name("unbroken"))])
    before = checkpoint.load(start)["model"]
    for name in ("averaged.pt", "epoch_1.pt", "last.pt", "ema.pt"):
        content = checkpoint.load_with_model(data_dir.with_name("unbroken") / name)
        load_model(content)
        weights = {key.replace("shared_expert.", ""): w for key, w in content["model"].items()}
        added = [key for key in weights if key not in before]
        assert not before.keys() - weights.keys()
        assert all(trained & {*key.split(".")} for key in added)
        changed = [key for key in before if not torch.equal(before[key], weights[key])]
        if changes[0] == DENSE:
            assert not added and changed
            assert all(any(part in key for part in trained) for key in changed)
            assert not any(key.endswith("bias") for key in changed)
        else:
            assert added and not changed


@pytest.mark.slow
def test_a_changed_adapter_is_refused(source):
    data_dir = audio_sets.prepare(source, "raw")
    run(data_dir, "raw", "base")
    start = data_dir.with_name("base") / "epoch_1.pt"
    options = changed_options((f"init.model={start}", "adapter.type=lora"))
    run(data_dir, "raw", "exp", *options)
    log = data_dir.with_name("exp") / "train.log"
    trained = r"0\.\d\d M of 0\.\d\d M parameters are trained \(`adapter`\)"
    assert re.search(trained, log.read_text())
    with pytest.raises(InputError, match=r"`adapter.rank` is 4, but was 8"):
        run(data_dir, "raw", "exp", *options, "--set", "adapter.rank=4")


@pytest.mark.slow
def test_two_processes_equal_one_process_with_twice_the_batches_and_differ_in_dropout(source):
    data_dir = audio_sets.prepare(source.with_name("set"), "feats")
    options = [*NOT_RANDOM, "--set", "data.batch.max_utts=1", "--num-threads", "1"]
    command = ("-m", "moeasr.bin.train", *arguments(data_dir, "feats", "two", *options))
    for ended in run_two_processes(*command, imports=TRAINING):
        assert ended.status == 0, ended.error[-2000:]
    one = run(data_dir, "feats", "one", *options, "--set", "train.accum_steps=2")
    two = checkpoint.load(data_dir.with_name("two") / "last.pt")
    assert same(two["model"], one)  # bit-identical, since each sum has two terms
    assert two["info"]["step"] == NUM_UTTS / 2
    generators = [rank["generators"]["torch"] for rank in two["trainer"]["per_rank"]]
    assert len(generators) == 2 and not torch.equal(*generators)


def spoil(data_dir: Path, data_type: str) -> tuple[Path, str]:
    """Return a file to hide and the message about it."""
    if data_type == "raw":  # the audio of an utterance in the eighth of 11 batches
        return data_dir.parent / "9.wav", r"utterance .*u09: audio file .*9\.wav does not exist"
    # first read in the middle of the epoch
    shard = sorted((data_dir.parent / "shards").glob("*.tar"))[4]
    return shard, f"utterance .*: shard {shard} cannot be read: No such file"


SIGNALS = changed_options(
    (
        *("model.consistency_weight=0.2", "train.ema.decay=0.9", "train.num_workers=2"),
        *("model.encoder.num_blocks=2", "model.intermediate_ctc.blocks=[1]"),
        *("model.intermediate_ctc.conditioned_blocks=[1]", "data.batch.short_first_epochs=1"),
        *("data.batch.window_shards=3", "model.ctc_weight_schedule=[[0,0.9],[9,0.3]]"),
    )
)


EXPERTS = changed_options(
    (
        "model.encoder.feed_forward={type: moe, hidden_units: 16, num_experts: 4, "
        "router: noisy_top_k, experts_per_frame: {train: [1, 2, 4], decode: 2}}",
        "model.encoder.macaron_feed_forward={type: moe, hidden_units: 16, num_experts: 4, "
        "router: balanced}",
        *("train.ema.decay=0.9", "train.accum_steps=2", "train.max_epochs=2"),
        "train.freeze=[{modules: decoder, until_epoch: 1}]",
    )
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data_type", "options"),
    [
        ("raw", EXPERTS),
        ("raw", ("--set", "train.num_workers=2")),
        ("shard", ()),
        ("shard", ("--set", "data.batch.window_shards=3", "--set", "train.num_workers=2")),
        ("shard", SIGNALS),
    ],
)
def test_a_training_resumes_exactly_after_missing_data_are_restored(source, data_type, options):
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


@pytest.mark.slow
def test_an_augmented_training_resumes_exactly_with_another_number_of_workers(source, monkeypatch):
    data_dir = audio_sets.prepare(source, "raw")
    everything = ", ".join(f"{{type: {name}, prob: 0.6}}" for name in AUGMENTATIONS)
    options = ("--set", f"data.augment=[{everything}]", "--set")
    unbroken = run(data_dir, "raw", "unbroken", *options, "train.num_workers=0")
    plain = run(data_dir, "raw", "plain")
    assert not same(unbroken, plain)
    read = AsrDataset.__getitem__
    num_read = iter(range(1000))

    def broken(self, key):
        if next(num_read) == 20:
            raise InputError("the disk is gone")
        return read(self, key)

    with monkeypatch.context() as patch, pytest.raises(InputError, match="the disk is gone"):
        patch.setattr(AsrDataset, "__getitem__", broken)
        run(data_dir, "raw", "broken", *options, "train.num_workers=0")
    state = checkpoint.load(data_dir.with_name("broken") / "last.pt")["trainer"]
    assert (state["epoch"], state["step"] > 0) == (1, True)
    assert same(run(data_dir, "raw", "broken", *options, "train.num_workers=3"), unbroken)


@pytest.mark.parametrize(
    ("feats", "fault"),
    [
        (torch.ones(57, 13), "have 13 bins, but 20 are expected; compute the features of this set"),
        (torch.full((57, 20), float("nan")), "are not finite"),
    ],
)
@pytest.mark.parametrize("num_workers", [0, 2])
def test_stored_features_that_do_not_match_are_named_by_utterance(
    source, feats, fault, num_workers
):
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
    message = r"^utterance (sp0.9-|sp1.1-)?u03: audio file .*3\.wav contains NaN, infinity"
    with pytest.raises(InputError, match=message):
        run(data_dir, "raw", "exp", "--set", f"train.num_workers={num_workers}")


def test_window_shards_requires_shards(source):
    data_dir = audio_sets.prepare(source, "raw")
    with pytest.raises(InputError, match="`data.batch.window_shards` needs --data-type shard"):
        run(data_dir, "raw", "exp", "--set", "data.batch.window_shards=3")


def test_a_data_directory_without_the_files_of_the_data_type_is_refused(source):
    raw = audio_sets.prepare(source, "raw")
    compute_statistics(raw, "raw")
    with pytest.raises(
        InputError, match=r"set_sp_raw has no shards\.scp; create it with utils/make"
    ):
        run(raw, "shard", "exp")
    (raw / "conf" / "fbank.yaml").unlink()
    with pytest.raises(InputError, match=r"has no conf/fbank\.yaml; create it with utils/make_raw"):
        run(raw, "raw", "exp")


HOLDER = """
import sys
from moeasr.lock import lock_directory
with lock_directory(sys.argv[1], "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_training_in_the_same_directory_is_refused_before_it_writes(source):
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


@pytest.mark.slow
def test_a_second_training_with_several_processes_is_refused_and_none_of_them_waits(source):
    data_dir = audio_sets.prepare(source, "raw")
    exp_dir = data_dir.with_name("exp")
    command = ("-m", "moeasr.bin.train", *arguments(data_dir, "raw", "exp"))
    with lock_directory(exp_dir, "training"):
        first, second = run_two_processes(*command, imports=TRAINING)
    assert (first.status, second.status) == (1, 1)
    sentence = rf"train.py: {exp_dir}: training is already running here \(process {os.getpid()} on"
    assert re.match(sentence, first.error) and first.error.count("\n") == 1
    assert second.error.startswith("train.py: process 1 lost contact with the other processes")
    assert [path.name for path in exp_dir.iterdir()] == [".lock"]


OWN_OPTIONS = """
import os
import sys
from moeasr.bin import run, train

run(lambda: train.main([*sys.argv[2:], *sys.argv[1].split("|")[int(os.environ["RANK"])].split()]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (
            "--seed 3|--seed 3 --set train.optim.lr=0.5",
            "`train.optim.lr` is 0.5 in process 1, but 0.01 in process 0",
        ),
        (
            "--seed 3|--seed 3 --train-dir {half}",
            "process 1 has another training set than process 0",
        ),
    ],
)
def test_processes_with_other_options_or_data_do_not_train_together(source, options, fault):
    """The sums of their gradients would belong to no training."""
    data_dir = audio_sets.prepare(source, "raw")
    half = shutil.copytree(data_dir, data_dir.with_name("half"))
    lines = (half / "text").read_text().splitlines(keepends=True)
    (half / "text").write_text("".join(lines[: len(lines) // 2]))
    worker = data_dir.with_name("worker.py")
    worker.write_text(OWN_OPTIONS)
    command = arguments(data_dir, "raw", "exp")
    given = options.format(half=half)
    for ended in run_two_processes(str(worker), given, *command, imports=TRAINING):
        advice = "start all processes with the same options and the same files"
        assert ended.status == 1
        assert ended.error.splitlines()[-1] == f"worker.py: {fault}; {advice}"
    assert not (data_dir.with_name("exp") / "config.yaml").exists()


@pytest.mark.slow
def test_a_training_resumes_with_smaller_batches(source):
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
        "resuming with `data.batch.max_frames: 150`, which was 300 before",
        "resuming with `model.encoder.dropout: 0.2`, which was 0.1 before",
        "epoch 1 restarts from its first batch, because its batches have changed",
    ):
        assert sentence in (data_dir.with_name("exp") / "train.log").read_text()
    with pytest.raises(InputError, match=r"`model\.encoder\.d_model` is 32, but was 16"):
        run(data_dir, "raw", "exp", "--set", "model.encoder.d_model=32")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "what"), [("text", "training text"), ("utt2num_frames", "training set")]
)
def test_a_training_of_other_data_is_refused_and_its_record_stays(source, table, what):
    data_dir = audio_sets.prepare(source, "raw")
    run(data_dir, "raw", "exp")
    exp_dir = data_dir.with_name("exp")
    path = data_dir / table
    record = {name: (exp_dir / name).read_text() for name in ("data_sets.json", "config.yaml")}
    first, *others = path.read_text().splitlines(keepends=True)
    utt_id = first.split()[0]
    path.write_text("".join([f"{utt_id} {'b' if table == 'text' else 40}\n", *others]))
    for options in ((), ("--set", "train.max_epochs=2")):
        with pytest.raises(InputError, match=f"last.pt was trained with another {what};"):
            run(data_dir, "raw", "exp", *options)
    assert record == {name: (exp_dir / name).read_text() for name in record}


@pytest.mark.slow
def test_masked_cells_of_a_resumed_training_have_the_mean_of_its_model(source):
    """Its CMVN is that of last.pt, whatever --cmvn says."""
    data_dir = audio_sets.prepare(source.with_name("set"), "feats")
    run(data_dir, "feats", "exp")
    shutil.copytree(data_dir.with_name("exp"), data_dir.with_name("other"))
    longer = ("--set", "train.max_epochs=2")
    weights = run(data_dir, "feats", "exp", *longer)
    path = data_dir / "global_cmvn"
    statistics = json.loads(path.read_text())
    statistics["mean_stat"] = [2 * value for value in statistics["mean_stat"]]
    statistics["var_stat"] = [5 * value for value in statistics["var_stat"]]
    path.write_text(json.dumps(statistics))
    assert same(weights, run(data_dir, "feats", "other", *longer))
    config = checkpoint.load(data_dir.with_name("exp") / "last.pt")["config"]
    for name in ("exp", "other"):
        assert load_yaml(data_dir.with_name(name) / "config.yaml") == config


@pytest.mark.slow
def test_a_training_without_a_step_starts_again_with_other_data(source):
    """Nothing was learnt, so the training data may change."""
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
    assert log.count("training starts from the beginning") == 1
