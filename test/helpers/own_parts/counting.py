"""A head that estimates the number of tokens of an utterance, and a search that uses it."""

from dataclasses import dataclass

from torch import nn

from moeasr.decode.searches import SEARCHES, Search
from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.nn.mask import make_valid_mask


class CountHead(Head):
    """A head whose outputs, summed over frames, estimate the number of tokens."""

    def __init__(self, d_model):
        super().__init__()
        self.project = nn.Linear(d_model, 1)

    @property
    def macs_per_frame(self):
        return self.project.weight.numel()

    def counts(self, enc, enc_lens):
        """(B,) the number of tokens of each utterance."""
        per_frame = self.project(enc).squeeze(2).sigmoid()
        return per_frame.masked_fill(~make_valid_mask(enc_lens, enc.size(1)), 0.0).sum(dim=1)

    def loss(self, enc, enc_lens, tokens, tokens_lens):
        loss = (self.counts(enc, enc_lens) - tokens_lens).square().sum()
        return HeadLoss(loss, {"loss_count": loss}, {})


@dataclass(frozen=True, kw_only=True)
class CountConfig(HeadConfig):
    """The settings of the head, which has no option except its weight."""

    def build(self, d_model, vocab_size):
        return CountHead(d_model)


def _by_count(inputs, config):
    """The hypotheses of CTC prefix beam search, those of about the right length first."""
    counts = inputs.model.heads["count"].counts(inputs.enc, inputs.enc_lens).tolist()
    nbest = SEARCHES["ctc_prefix_beam_search"].run(inputs, config)
    return [
        sorted(hypotheses, key=lambda hypothesis: abs(len(hypothesis.tokens) - count))
        for hypotheses, count in zip(nbest, counts)
    ]


by_count = Search(_by_count, frozenset({"ctc", "count"}), frozenset({"beam_size"}))
