"""A WeNet model directory becomes a model, its units and its features."""

import shutil
from pathlib import Path

import pytest
import torch

from moeasr.errors import InputError
from moeasr.interop.wenet.import_model import read_wenet

GOLDEN = Path(__file__).parents[1] / "golden" / "u2pp_moe"


@pytest.fixture
def model_dir(tmp_path):
    shutil.copytree(GOLDEN, tmp_path / "m")
    return tmp_path / "m"


def test_a_directory_is_a_model_in_eval_mode_with_units_and_features(model_dir):
    imported = read_wenet(model_dir)
    assert not imported.model.training
    assert imported.model.config.encoder.attention == "key_position"
    assert imported.tokenizer.units[:3] == ["<blank>", "<unk>", "<sos/eos>"]
    assert imported.fbank.snip_edges and imported.fbank.dither == 0.0


def test_weights_are_named_by_their_file(model_dir):
    (model_dir / "final.pt").rename(model_dir / "avg_5.pt")
    found = read_wenet(str(model_dir), "avg_5.pt").model.state_dict()
    for name, tensor in read_wenet(GOLDEN).model.state_dict().items():
        assert torch.equal(found[name], tensor)
    (model_dir / "final.pt").symlink_to("epoch_9.pt")
    with pytest.raises(
        InputError, match="it is a link to epoch_9.pt; use --checkpoint with avg_5.pt"
    ):
        read_wenet(model_dir)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "final.pt cannot be read as WeNet weights"),
        ([1, 2], "final.pt is not a WeNet state_dict"),
        ({"a": 1}, "final.pt is not a WeNet state_dict"),
    ],
)
def test_files_that_hold_no_weights_are_refused(model_dir, content, message):
    if isinstance(content, bytes):
        (model_dir / "final.pt").write_bytes(content)
    else:
        torch.save(content, model_dir / "final.pt")
    with pytest.raises(InputError, match=message):
        read_wenet(model_dir)


def test_a_missing_directory_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="^WeNet model directory .*/none does not exist$"):
        read_wenet(tmp_path / "none")
