"""The training loss of a batch: the model's own, plus the distance from any teacher's outputs."""

from collections.abc import Callable

import torch

from moeasr.data.batch import Batch
from moeasr.experiment.start import load_trained
from moeasr.features.fbank_config import FbankConfig
from moeasr.models.asr import AsrModel
from moeasr.models.distillation import Distillation, DistillationConfig
from moeasr.models.outputs import LossOutput
from moeasr.text.tokenizer import Tokenizer


def make_loss(
    model: AsrModel,
    config: DistillationConfig,
    tokenizer: Tokenizer,
    fbank: FbankConfig,
    device: torch.device,
) -> Callable[[Batch], LossOutput]:
    """Return the function that computes the loss of a batch.

    It is the model's own loss. If `config` names a teacher, the distance between the outputs of the
    model and of the teacher is added.

    Raises:
        InputError: The teacher cannot be read, or its outputs cannot be compared with the model's.
    """
    loss_of: Callable[..., LossOutput] = model
    if config.teacher is not None:
        teacher = load_trained(config.teacher, tokenizer, fbank).to(device)
        loss_of = Distillation(model, teacher, config).loss

    def loss_of_batch(batch: Batch) -> LossOutput:
        batch = batch.to(device)
        tokens = (batch.tokens, batch.tokens_lens, batch.languages)
        return loss_of(batch.feats, batch.feats_lens, *tokens, batch.num_views)

    return loss_of_batch
