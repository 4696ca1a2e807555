"""The loss of a batch, with and without a teacher."""

import torch
from experiments import DENSE, FBANK, TOKENIZER, UNITS, content_of

from moeasr import checkpoint
from moeasr.data.batch import Batch
from moeasr.experiment.loss import make_loss
from moeasr.experiment.start import load_trained
from moeasr.models.build import build_model
from moeasr.models.distillation import Distillation, DistillationConfig

BATCH = Batch(
    utt_ids=("a", "b"),
    feats=torch.randn(2, 60, 20, generator=torch.Generator().manual_seed(4)),
    feats_lens=torch.tensor([60, 50]),
    tokens=torch.tensor([[3, 4, 3], [5, 6, 0]]),
    tokens_lens=torch.tensor([3, 2]),
    languages=None,
)


def test_the_loss_with_a_teacher_is_that_of_distillation(tmp_path):
    path = str(tmp_path / "teacher.pt")
    checkpoint.save(path, content_of(DENSE))
    config = DistillationConfig(teacher=path, ctc_weight=0.7, encoder_weight=0.2)
    student = build_model(DENSE.model, 20, len(UNITS))
    loss_of = make_loss(student, config, TOKENIZER, FBANK, torch.device("cpu"))
    distillation = Distillation(student, load_trained(path, TOKENIZER, FBANK), config)
    torch.manual_seed(0)  # of dropout and chunk sizes
    found = loss_of(BATCH)
    torch.manual_seed(0)
    tensors = (BATCH.feats, BATCH.feats_lens, BATCH.tokens, BATCH.tokens_lens)
    assert torch.equal(found.loss, distillation.loss(*tensors).loss)


def test_without_a_teacher_the_loss_is_the_models():
    model = build_model(DENSE.model, 20, len(UNITS)).eval()
    loss_of = make_loss(model, DistillationConfig(), TOKENIZER, FBANK, torch.device("cpu"))
    tensors = (BATCH.feats, BATCH.feats_lens, BATCH.tokens, BATCH.tokens_lens)
    assert torch.equal(loss_of(BATCH).loss, model(*tensors).loss)
