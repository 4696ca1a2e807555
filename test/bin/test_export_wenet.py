"""The `export-wenet` command, which writes a model directory that WeNet can load."""

from pathlib import Path

import pytest
from rounding import assert_close

from moeasr import checkpoint
from moeasr.bin.export_wenet import main as export_wenet
from moeasr.bin.import_wenet import main as import_wenet
from moeasr.errors import InputError

GOLDEN = Path(__file__).parents[1] / "interop" / "golden"


@pytest.fixture
def imported(tmp_path):
    path = tmp_path / "x.pt"
    import_wenet(["--model-dir", str(GOLDEN / "trained"), "--out", str(path)])
    return path


def test_an_exported_model_has_the_same_weights_after_import(imported, tmp_path):
    export_wenet(["--checkpoint", str(imported), "--out-dir", str(tmp_path / "wenet")])
    names = {path.name for path in (tmp_path / "wenet").iterdir()}
    assert names == {"train.yaml", "final.pt", "units.txt", "global_cmvn"}
    import_wenet(["--model-dir", str(tmp_path / "wenet"), "--out", str(tmp_path / "again.pt")])
    before, after = (checkpoint.load_with_model(p) for p in (imported, tmp_path / "again.pt"))
    assert before["tokenizer"] == after["tokenizer"] and before["fbank"] == after["fbank"]
    for name, tensor in before["model"].items():
        assert_close(after["model"][name], tensor, 2, tensor.abs(), name=name)


def test_a_checkpoint_that_wenet_cannot_express_is_named(imported, tmp_path):
    content = checkpoint.load_with_model(imported)
    content["fbank"]["snip_edges"] = False
    checkpoint.save(tmp_path / "other.pt", {k: v for k, v in content.items() if k != "format"})
    with pytest.raises(InputError, match=r"other\.pt: WeNet cannot express .*`snip_edges`"):
        export_wenet(["--checkpoint", str(tmp_path / "other.pt"), "--out-dir", str(tmp_path / "w")])
    assert not (tmp_path / "w").exists()
