"""The `check-experiment` command, which reports faults before a training or its decoding starts."""

import re
from pathlib import Path

import pytest

from moeasr.bin.check_experiment import main
from moeasr.errors import InputError

WHOLE = ["model.encoder.dynamic_chunk=false", "model.encoder.causal_conv=false"]
CONFIG = Path(__file__).resolve().parents[2] / "egs/mini/conf/u2pp_moe.yaml"


def check(exp_dir, options=(), settings=()):
    """Run the command as run.sh does, with its own options and those of the later training."""
    training = ["--config", CONFIG, "--exp-dir", exp_dir, "--data-type", "raw"]
    training += [word for setting in settings for word in ("--set", setting)]
    main([*options, "--", *map(str, training)])


def test_without_faults_nothing_is_printed_or_written(tmp_path, capsys):
    modes = "ctc_greedy_search attention_rescoring"
    check(tmp_path, ["--modes", modes, "--chunk-sizes=-1 16", "--beam-size", "1"])
    check(tmp_path)
    (tmp_path.parent / "dense.pt").touch()
    check(tmp_path, settings=[f"init.model={tmp_path.parent}/dense.pt", "adapter.type=lora"])
    assert capsys.readouterr() == ("", "") and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (["--beam-size", "0"], [], "`beam_size` must be at least 1, but is 0"),
        (["--chunk-sizes", "16 0"], [], "`chunk_size` must be -1 (full context) or at least 1"),
        (["--chunk-sizes=-1 16"], WHOLE, "this model cannot decode in chunks"),
        (["--modes", "ctc_greedy_search attenton"], [], "'attenton'"),
        (["--modes", "ctc_greedy_search"], ["model.ctc_weight=0"], "'ctc_greedy_search' needs CTC"),
        ([], ["model.encoder.d_model=97"], "`d_model` must be a multiple"),
        ([], ["train.max_epoch=3"], "did you mean 'train.max_epochs'?"),
        ([], ["init.model=no.pt"], "`init.model`: checkpoint no.pt does not exist"),
        (
            [],
            ["train.freeze=[{modules: decodr}]"],
            "contains `decodr`, but the model has only the ",
        ),
        (
            [],
            ["train.optim.lr_factors={encodr: 0.1}"],
            "lr_factors` contains `encodr`, but the mod",
        ),
        (
            [],
            ["init.model=x.pt", "adapter={type: lora, rank: 1000}"],
            "`adapter.rank` is 1000, but must be at most",
        ),
        ([], ["init.from=no.pt"], "`init.from`: checkpoint no.pt does not exist"),
        ([], ["init.dense=no.pt"], "`init.dense`: checkpoint no.pt does not exist"),
        ([], ["init.embedding=no.pt"], "`init.embedding`: checkpoint no.pt does not exist"),
        (
            [],
            ["distillation.teacher=no.pt"],
            "`distillation.teacher`: checkpoint no.pt does not exist",
        ),
    ],
)
def test_faults_are_named(tmp_path, options, settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check(tmp_path, options, settings)


def test_augmentation_that_needs_audio_is_refused_for_stored_features(tmp_path):
    training = ["--config", str(CONFIG), "--exp-dir", str(tmp_path)]
    augment = ["--set", "data.augment=[{type: gain}, {type: noise}]"]
    main(["--", *training, *augment, "--data-type", "shard"])
    with pytest.raises(InputError, match=r"^`augment\[1\]` \(noise\) needs audio, because"):
        main(["--", *training, *augment])


def test_data_directories_of_the_training_need_not_exist(tmp_path):
    data = [f"--{name}=not there yet" for name in ("train-dir", "dev-dir", "dict-dir", "cmvn")]
    main(["--", "--config", str(CONFIG), "--exp-dir", str(tmp_path), *data])


def test_a_training_may_start_from_an_experiment_directory(tmp_path):
    (tmp_path / "old").mkdir()
    settings = [f"init.from={tmp_path}/old"]
    with pytest.raises(InputError, match=r"`init\.from`: checkpoint .*old/averaged\.pt does not"):
        check(tmp_path / "new", settings=settings)
    (tmp_path / "old/averaged.pt").touch()
    check(tmp_path / "new", settings=settings)


def test_a_resumed_training_needs_its_teacher_but_not_its_initial_model(tmp_path):
    (tmp_path / "last.pt").touch()
    check(tmp_path, settings=["init.dense=gone.pt"])
    with pytest.raises(InputError, match=r"`distillation\.teacher`: .* gone\.pt"):
        check(tmp_path, settings=["distillation.teacher=gone.pt"])
