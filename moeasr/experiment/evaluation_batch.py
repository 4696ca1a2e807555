"""Evaluation of a development batch: its loss, and its word errors under CTC greedy search."""

from collections.abc import Callable

import numpy as np
import torch

from moeasr.data.batch import Batch
from moeasr.datadir.utterances import Utterances
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.models.asr import AsrModel
from moeasr.score.error_rate import Pair, word_error_rate
from moeasr.text.normalize import normalize
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.evaluation import EvaluatedBatch


def make_evaluation(
    model: AsrModel, tokenizer: Tokenizer, utterances: Utterances, device: torch.device
) -> Callable[[Batch], EvaluatedBatch]:
    """Return a function that evaluates development batches with one pass of the encoder each.

    Words are counted as by `moeasr score`. A model whose CTC head is not trained gets no hypotheses
    and counts no words.

    Args:
        model: The model, already on `device`.
        tokenizer: The tokenizer of the model, which converts hypotheses to text.
        utterances: The development set, with transcripts.
        device: The device of the model.
    """

    def evaluate_batch(batch: Batch) -> EvaluatedBatch:
        batch = batch.to(device)
        encoded = model.encode(batch.feats, batch.feats_lens, languages=batch.languages)
        output = model.loss_of_encoded(encoded, batch.tokens, batch.tokens_lens)
        if "ctc" not in model.heads:
            return EvaluatedBatch(output)
        found = ctc_greedy_search(model.ctc_log_probs(encoded.enc), encoded.enc_lens)
        hyps = [tokenizer.decode(hypothesis.tokens) for hypothesis in found]
        keys = np.array([utt_id.encode() for utt_id in batch.utt_ids])
        refs = [utterances[index].text for index in utterances.indices_of(keys).tolist()]
        pairs = [
            Pair(utt_id, normalize(ref), normalize(hyp))
            for utt_id, ref, hyp in zip(batch.utt_ids, refs, hyps)
        ]
        errors = word_error_rate(pairs).total
        return EvaluatedBatch(output, errors.num_errors, errors.num_ref)

    return evaluate_batch
