"""The attention head: a left-to-right decoder, and a right-to-left decoder for rescoring."""

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.config_roles import OBJECTIVE
from moeasr.models.heads.decoder import DecoderConfig, TransformerDecoder
from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.nn.feed_forward import FeedForwardConfig
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.routing import Routing

SOS_EOS = 2  # special units: <blank> is 0, <unk> is 1, <sos/eos> is 2


class AttentionHead(Head):
    """An attention head with a left-to-right (L2R) and an optional right-to-left (R2L) decoder.

    Its loss is (1 - rho) L2R + rho R2L (U2++, arXiv 2106.05642, section 2.4).

    Args:
        decoder: The left-to-right decoder.
        reverse_decoder: The right-to-left decoder, or None.
        reverse_weight: Weight rho, which is ignored without a right-to-left decoder.
        label_smoothing: Probability mass moved from the correct token to all tokens.
    """

    children_are_named_alone = True

    def __init__(
        self,
        decoder: TransformerDecoder,
        reverse_decoder: TransformerDecoder | None,
        reverse_weight: float,
        label_smoothing: float,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.reverse_decoder = reverse_decoder
        self.reverse_weight = reverse_weight
        self.label_smoothing = label_smoothing

    @property
    def can_rescore_in_reverse(self) -> bool:
        """True if there is a right-to-left decoder and it was trained."""
        return self.reverse_decoder is not None and self.reverse_weight > 0

    def inputs(
        self, tokens: Tensor, tokens_lens: Tensor
    ) -> dict[str, tuple[TransformerDecoder, Tensor]]:
        """Return each decoder by name, with the tokens (B, U) in its own order."""
        inputs = {"decoder": (self.decoder, tokens)}
        if self.reverse_decoder is not None:
            inputs["reverse_decoder"] = self.reverse_decoder, reverse_tokens(tokens, tokens_lens)
        return inputs

    def loss(self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss of encoded utterances, see `Head.loss`."""
        losses, accuracies = {}, {}
        routings: dict[str, Routing] = {}
        for name, (decoder, in_order) in self.inputs(tokens, tokens_lens).items():
            losses[name], accuracies[name], found = self._loss_of(
                decoder, in_order, tokens_lens, enc, enc_lens
            )
            routings |= {f"{name}.{path}": routing for path, routing in found.items()}
        left = losses["decoder"]
        stats = {"loss_att": left, "acc": accuracies["decoder"]}
        if self.reverse_decoder is None:
            return HeadLoss(left, stats, routings)
        right = stats["loss_att_reverse"] = losses["reverse_decoder"]
        rho = self.reverse_weight
        return HeadLoss((1 - rho) * left + rho * right, stats, routings)

    def _loss_of(
        self,
        decoder: TransformerDecoder,
        tokens: Tensor,
        tokens_lens: Tensor,
        enc: Tensor,
        enc_lens: Tensor,
    ) -> tuple[Tensor, Tensor, dict[str, Routing]]:
        """Compute the label-smoothed cross-entropy, summed over tokens, of one decoder.

        Smoothing spreads probability evenly over the whole vocabulary (Szegedy et al., arXiv
        1512.00567).

        Returns:
            The loss, the accuracy summed over utterances, and the routings of the decoder.
        """
        tokens_in, targets = add_sos_eos(tokens, tokens_lens, SOS_EOS)
        output = decoder(tokens_in, tokens_lens + 1, enc, enc_lens)
        valid = make_valid_mask(tokens_lens + 1, tokens_in.size(1))
        dtype = torch.promote_types(output.logits.dtype, torch.float32)
        loss = F.cross_entropy(
            output.logits[valid].to(dtype),
            targets[valid],
            label_smoothing=self.label_smoothing,
            reduction="sum",
        )
        correct = ((output.logits.argmax(dim=-1) == targets) & valid).sum(dim=1)
        return loss, (correct / (tokens_lens + 1)).sum(), output.routings


@dataclass(frozen=True, kw_only=True)
class AttentionConfig(HeadConfig):
    """The settings of an `AttentionHead`, which has one or two attention decoders."""

    type: Literal["attention"] = "attention"
    decoder: DecoderConfig = DecoderConfig()
    """Settings of both decoders."""
    reverse_weight: float = field(default=0.3, metadata=OBJECTIVE)
    """Weight rho of the right-to-left decoder in the loss."""
    label_smoothing: float = field(default=0.1, metadata=OBJECTIVE)
    """Probability mass moved from the correct token to all tokens."""

    @property
    def feed_forwards(self) -> dict[str, FeedForwardConfig]:
        """Feed-forward sections by key."""
        return {"decoder.feed_forward": self.decoder.feed_forward}

    def build(self, d_model: int, vocab_size: int) -> AttentionHead:
        """Build the head, see `HeadConfig.build`."""
        decoder = self.decoder.build(self.decoder.num_blocks, d_model, vocab_size)
        reverse = self.decoder.build(self.decoder.num_reverse_blocks, d_model, vocab_size)
        if decoder is None:
            raise ValueError("an attention head needs a decoder of at least one block")
        return AttentionHead(decoder, reverse, self.reverse_weight, self.label_smoothing)


def add_sos_eos(tokens: Tensor, tokens_lens: Tensor, sos_eos: int) -> tuple[Tensor, Tensor]:
    """Return decoder inputs <sos> y1 .. yU and targets y1 .. yU <eos>.

    Args:
        tokens: Tokens, (B, U).
        tokens_lens: Number of tokens of each utterance, (B,).
        sos_eos: Id of <sos/eos>.

    Returns:
        Two tensors (B, U + 1), in which tokens after position U of an utterance are padding.
    """
    edge = tokens.new_full((tokens.size(0), 1), sos_eos)
    tokens_in = torch.cat((edge, tokens), dim=1)
    targets = torch.cat((tokens, edge), dim=1).scatter(1, tokens_lens[:, None], sos_eos)
    return tokens_in, targets


def reverse_tokens(tokens: Tensor, tokens_lens: Tensor) -> Tensor:
    """Return the tokens of each utterance in reverse order, with padding still at the end.

        >>> reverse_tokens(torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([3, 2]))
        tensor([[7, 6, 5],
                [9, 8, 0]])

    Args:
        tokens: Tokens, (B, U).
        tokens_lens: Number of tokens of each utterance, (B,).
    """
    position = torch.arange(tokens.size(1), device=tokens.device)[None]
    source = tokens_lens[:, None] - 1 - position
    return tokens.gather(1, torch.where(source >= 0, source, position))
