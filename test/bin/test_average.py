"""The `average` command, which averages checkpoints."""

import pytest
import torch

from moeasr import checkpoint
from moeasr.bin.average import main
from moeasr.errors import InputError


@pytest.fixture
def exp_dir(tmp_path):
    for epoch, dev_loss in ((1, 0.5), (2, 0.9), (3, 0.3)):
        checkpoint.save(
            tmp_path / f"epoch_{epoch}.pt",
            {
                "model": {"weight": torch.tensor([float(epoch)])},
                "config": {"model": {}},
                "tokenizer": {},
                "fbank": {},
                "info": {"epoch": epoch, "dev_loss": dev_loss},
            },
        )
    return tmp_path


def test_the_average_is_written_to_averaged_pt_and_its_epochs_are_printed(exp_dir, capsys):
    main(["--exp-dir", str(exp_dir), "--num", "2"])
    average = checkpoint.load(exp_dir / "averaged.pt")
    assert average["model"]["weight"].tolist() == [2.0]
    assert average["info"]["averaged_epochs"] == [1, 3]
    told = "average of the weights of epochs 1, 3, the best on dev"
    assert capsys.readouterr().out == f"{exp_dir / 'averaged.pt'}: {told}\n"


@pytest.mark.parametrize(("num", "weight"), [("2", 2.5), ("10", 2.0)])
def test_the_last_epochs_are_averaged_into_another_file(exp_dir, num, weight):
    out = exp_dir / "x" / "y.pt"
    main(["--exp-dir", str(exp_dir), "--num", num, "--mode", "last", "--out", str(out)])
    assert checkpoint.load(out)["model"]["weight"].tolist() == [weight]


def test_an_unchanged_average_is_not_written_again(exp_dir, capsys):
    """Otherwise its hypotheses would become stale."""
    out = exp_dir / "averaged.pt"
    main(["--exp-dir", str(exp_dir), "--num", "2"])
    before = out.stat()
    main(["--exp-dir", str(exp_dir), "--num", "2"])
    assert (out.stat().st_ino, out.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    told = f"{out}: already the average of the weights of epochs 1, 3, so it is unchanged\n"
    assert capsys.readouterr().out.endswith(told)
    main(["--exp-dir", str(exp_dir), "--num", "1"])
    assert checkpoint.load(out)["model"]["weight"].tolist() == [3.0]
    assert capsys.readouterr().out == f"{out}: average of the weights of epoch 3, the best on dev\n"


def test_what_cannot_be_averaged_is_refused_before_checkpoints_are_read(tmp_path, capsys):
    with pytest.raises(InputError, match="experiment directory .*nothing does not exist"):
        main(["--exp-dir", str(tmp_path / "nothing")])
    for num in ("0", "-3", "two"):
        with pytest.raises(SystemExit):
            main(["--exp-dir", str(tmp_path / "nothing"), "--num", num])
        assert "argument --num" in capsys.readouterr().err


def test_with_a_damaged_checkpoint_no_average_is_written(exp_dir):
    (exp_dir / "epoch_2.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"epoch_2\.pt"):
        main(["--exp-dir", str(exp_dir)])
    assert not (exp_dir / "averaged.pt").exists()
