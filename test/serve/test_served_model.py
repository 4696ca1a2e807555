"""The model folder of a server."""

import pytest
from serving import RULES, model_of

from moeasr.deploy.batched_streams import StreamBatch
from moeasr.errors import InputError
from moeasr.serve.served_model import open_model


def test_a_folder_is_tried_before_it_is_served(folder, monkeypatch):
    assert model_of(folder).engine.sample_rate_hz == 16000

    def fail(*_):
        raise RuntimeError("invalid dimensions")

    monkeypatch.setattr(StreamBatch, "advance", fail)
    with pytest.raises(InputError, match="cannot recognise anything: RuntimeError: invalid dim"):
        model_of(folder)


@pytest.mark.parametrize("name", ["model", "model.streaming", "model.zipformer", "decoder"])
def test_a_missing_file_is_named(folder, name):
    (folder / f"{name}.onnx").unlink()
    with pytest.raises(InputError, match=f"lacks {name}.onnx; export the checkpoint again"):
        model_of(folder)


def test_a_folder_without_streams_is_refused(folder):
    text = (folder / "config.yaml").read_text().replace("chunk_size: 4", "chunk_size: 4")
    lines = text.splitlines()
    place = lines.index("streaming:")
    (folder / "config.yaml").write_text("\n".join(lines[:place] + lines[place + 3 :]))
    with pytest.raises(InputError, match="has no model.streaming.onnx"):
        model_of(folder)


def test_a_mode_that_the_folder_lacks_is_refused(folder):
    with pytest.raises(InputError, match="cannot do mode 'joint_decoding'"):
        open_model(folder, quantize=None, num_threads=1, mode="joint_decoding", rules=RULES)
