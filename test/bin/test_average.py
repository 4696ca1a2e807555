"""The entry point that averages checkpoints."""

import pytest
import torch

from moeasr import checkpoint
from moeasr.bin.average import main
from moeasr.errors import InputError


@pytest.fixture
def exp_dir(tmp_path):
    for epoch in (1, 2, 3):
        checkpoint.save(
            tmp_path / f"epoch_{epoch}.pt",
            {
                "model": {"weight": torch.tensor([float(epoch)])},
                "config": {"model": {}},
                "tokenizer": {},
                "fbank": {},
                "info": {"epoch": epoch, "dev_loss": 1.0 / epoch},
            },
        )
    return tmp_path


def test_the_default_name_and_what_is_printed(exp_dir, capsys):
    main(["--exp-dir", str(exp_dir), "--num", "2"])
    average = checkpoint.load(exp_dir / "averaged.pt")
    assert average["model"]["weight"].tolist() == [2.5]
    assert average["info"]["averaged_epochs"] == [2, 3]
    assert capsys.readouterr().out == f"{exp_dir / 'averaged.pt'}: average of epochs 2, 3\n"


def test_another_name_and_more_than_there_are(exp_dir):
    main(["--exp-dir", str(exp_dir), "--mode", "last", "--out", str(exp_dir / "x" / "y.pt")])
    assert checkpoint.load(exp_dir / "x" / "y.pt")["model"]["weight"].tolist() == [2.0]


def test_a_damaged_checkpoint_leaves_no_average(exp_dir):
    (exp_dir / "epoch_2.pt").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"epoch_2\.pt"):
        main(["--exp-dir", str(exp_dir)])
    assert not (exp_dir / "averaged.pt").exists()
