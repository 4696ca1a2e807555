"""The comparison of the exported attention decoders with those of the checkpoint."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from moeasr.decode.recognizer import Recognizer
from moeasr.decode.rescoring import token_log_probs
from moeasr.deploy.networks import DecoderNetwork
from moeasr.export.difference import Difference
from moeasr.models.heads.attention_head import SOS_EOS, AttentionHead


@torch.no_grad()
def compare_decoders(
    recognizer: Recognizer,
    utterances: Sequence[tuple[str, np.ndarray]],
    references: Mapping[str, str],
    network: DecoderNetwork,
) -> Difference:
    """Compare the log-probabilities of the tokens of transcripts, and of their ends.

    Each token counts as a frame of the `Difference`, which has no texts.

    Args:
        recognizer: The checkpoint's model in PyTorch; it has an attention head.
        utterances: Ids and features (T, F) of utterances. Those too short for a frame are left out.
        references: Transcripts by id.
        network: The exported decoders.
    """
    model, difference = recognizer.model, Difference()
    head = model.heads["attention"]
    assert isinstance(head, AttentionHead)
    for utt, feats in utterances:
        if model.output_len(len(feats)) == 0:
            continue
        units = recognizer.tokenizer.encode(references[utt])
        encoded = model.encode(torch.from_numpy(feats)[None], torch.tensor([len(feats)]))
        given = network.score(encoded.enc[0].numpy(), [units])
        tokens, lens = torch.tensor([units], dtype=torch.int64), torch.tensor([len(units)])
        for (decoder, in_order), found in zip(head.inputs(tokens, lens).values(), given):
            if found is not None:
                wanted = token_log_probs(
                    decoder, in_order, lens, encoded.enc, encoded.enc_lens, SOS_EOS
                )
                difference.count(np.abs(found[0, : len(units) + 1] - wanted[0].numpy()))
    return difference
