"""What a training, or the decoding after it, would refuse is refused before any time is spent."""

from pathlib import Path

import pytest

from moeasr.bin.check_experiment import main
from moeasr.errors import InputError

CONFIG = Path(__file__).resolve().parents[2] / "egs/mini/conf/dense.yaml"
SMALL = ("--set", "model.encoder.num_blocks=1", "--set", "model.decoder.num_blocks=1")


def check(folder: Path, *checks: str, training: tuple[str, ...] = ()) -> None:
    where = [f"{option}=none" for option in ("--train-dir", "--dev-dir", "--dict-dir", "--cmvn")]
    where += [f"--config={CONFIG}", f"--exp-dir={folder}"]
    main([*checks, "--", *where, *SMALL, *training])


def test_nothing_is_said_if_all_is_well(tmp_path, capsys):
    options = ("--modes", "ctc_greedy_search attention", "--beam-size", "3", "--chunk-sizes=-1 16")
    check(tmp_path, *options)
    check(tmp_path)
    assert capsys.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        (("--modes", "attention ctc_greedy"), "unknown decoding mode 'ctc_greedy'"),
        (("--beam-size", "0"), "`beam_size` must be"),
        (("--chunk-sizes=-1 16 0",), "`chunk_size` must be"),
    ],
)
def test_decoding_that_would_be_refused_is(tmp_path, checks, message):
    with pytest.raises(InputError, match=message):
        check(tmp_path, *checks)


def test_training_that_would_be_refused_is(tmp_path):
    with pytest.raises(InputError, match="d_model"):
        check(tmp_path, training=("--set", "model.encoder.d_model=30"))
    absent = tmp_path / "none.pt"
    for key in ("distillation.teacher", "init.model", "init.dense", "init.embedding"):
        with pytest.raises(InputError, match=f"`{key}`: there is no checkpoint {absent}"):
            check(tmp_path, training=("--set", f"{key}={absent}"))
    (tmp_path / "last.pt").touch()  # it goes on from there: its beginning is no longer read
    check(tmp_path, training=("--set", f"init.model={absent}"))
