"""From a data directory to the loss of its batches."""

import pytest
import torch

from moeasr.data.archive import open_archive
from moeasr.errors import InputError
from moeasr.experiment import ExperimentConfig, make_batches, make_loss
from moeasr.features.fbank import FbankConfig
from moeasr.models.build import build_model
from moeasr.models.config import DecoderConfig, EncoderConfig, FeedForwardConfig, ModelConfig
from moeasr.models.distillation import DistillationConfig
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.config import TrainConfig

UNITS = ["<blank>", "<unk>", "<sos/eos>", *"abcd"]
TOKENIZER = Tokenizer.from_state(
    {"type": "char", "non_lang_syms": [], "units": UNITS, "bpe_model": None}
)
ROUTED = FeedForwardConfig(type="moe", hidden_units=8, num_experts=4, router="language")
CONFIG = ExperimentConfig(
    model=ModelConfig(
        encoder=EncoderConfig(num_blocks=1, d_model=8, num_heads=2, feed_forward=ROUTED),
        decoder=DecoderConfig(num_blocks=1, num_reverse_blocks=1, num_heads=2),
        languages=("en", "zh"),
    ),
    train=TrainConfig(num_workers=0),
)


@pytest.fixture
def data_dir(tmp_path):
    with open_archive(tmp_path / "feats.ark", tmp_path / "feats.scp") as archive:
        for number, utt in enumerate("abc"):
            archive.write(utt, torch.randn(50 + 10 * number, 20))
    (tmp_path / "text").write_text("a ab\nb cd\nc da\n")
    return tmp_path


@pytest.mark.parametrize("fill", [None, torch.zeros(20)], ids=["dev", "train"])
def test_languages_come_from_utt2lang_and_reach_the_router(data_dir, fill):
    (data_dir / "utt2lang").write_text("a zh\nb en\nc zh\n")
    batches = make_batches(data_dir, CONFIG, TOKENIZER, lambda n: n // 4, 0, fill)
    (batch,) = batches.stream(epoch=0, start=0)
    assert dict(zip(batch.utt_ids, batch.languages.tolist())) == {"a": 1, "b": 0, "c": 1}
    model = build_model(CONFIG.model, 20, len(UNITS)).eval()
    settings = (DistillationConfig(), TOKENIZER, FbankConfig(), torch.device("cpu"))
    load = make_loss(model, *settings)(batch).expert_loads["00"]
    frames = dict(zip(batch.utt_ids, map(model.output_len, batch.feats_lens.tolist())))
    assert load[:2].sum() == 2 * frames["b"]
    assert load[2:].sum() == 2 * (frames["a"] + frames["c"])


def test_languages_that_lack_are_refused_before_any_batch(data_dir):
    with pytest.raises(InputError, match=r"utt2lang: no such file; .*\(the model knows en, zh\)"):
        make_batches(data_dir, CONFIG, TOKENIZER, lambda n: n // 4, 0, None)
