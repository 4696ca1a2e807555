"""Evaluation of a development batch: its loss, and its word errors under CTC greedy search."""

from collections.abc import Callable

import numpy as np
import torch

from moeasr.data.batch import Batch
from moeasr.datadir.utterances import Utterances
from moeasr.decode.ctc.greedy import ctc_greedy_search
from moeasr.models.asr import AsrModel
from moeasr.score.alignment import Counts, align, count
from moeasr.text.normalize import normalize
from moeasr.text.scripts import split_words
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.evaluation import EvaluatedBatch


def make_evaluation(
    model: AsrModel, tokenizer: Tokenizer, utterances: Utterances, device: torch.device
) -> Callable[[Batch], EvaluatedBatch]:
    """Return a function that evaluates development batches with one pass of the encoder each.

    A model whose CTC head is not trained gets no hypotheses and counts no words.

    Args:
        model: The model, already on `device`.
        tokenizer: Turns hypotheses into text.
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
        errors = count_errors(refs, hyps)
        return EvaluatedBatch(output, errors.num_errors, errors.num_ref)

    return evaluate_batch


def count_errors(refs: list[str], hyps: list[str]) -> Counts:
    """Count the word errors of hypotheses.

    Every character of a script without spaces between words is a word, see `split_words`. The rate
    of a Chinese text is therefore its character error rate without spaces.

    Args:
        refs: Transcripts.
        hyps: Hypotheses, one for each transcript.
    """
    words = [[split_words(normalize(text)) for text in texts] for texts in (refs, hyps)]
    return sum((count(steps) for steps in align(*words)), Counts())
