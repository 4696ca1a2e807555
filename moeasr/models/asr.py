"""The recogniser: encoder, CTC and two attention decoders, and the loss that trains them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.conformer import ConformerEncoder
from moeasr.models.ctc import CtcHead
from moeasr.models.decoder import TransformerDecoder
from moeasr.models.outputs import EncoderOutput, LossOutput
from moeasr.moe.losses import ROUTING_LOSSES
from moeasr.moe.stats import expert_load
from moeasr.nn.mask import make_valid_mask, sample_chunk_size
from moeasr.nn.routing import Routing

SOS_EOS = 2  # <blank> 0, <unk> 1, <sos/eos> 2


class GlobalCmvn(nn.Module):
    """Normalise each mel bin by the training set's mean and standard deviation.

    It is part of the network, so that a streaming or exported model cannot forget it.

    Args:
        mean: (F,).
        istd: (F,) one over the standard deviation.
    """

    def __init__(self, mean: Tensor, istd: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("istd", istd.clone())

    def forward(self, feats: Tensor) -> Tensor:
        """(B, T, F) log-mel features -> (B, T, F) normalised."""
        return (feats - self.mean) * self.istd


class AsrModel(nn.Module):
    """U2++: one encoder, a CTC head, a left-to-right and a right-to-left decoder.

    L = lambda CTC + (1 - lambda) [(1 - rho) L2R + rho R2L] + routing losses, with lambda
    `ctc_weight` and rho `reverse_weight` (U2++, arXiv 2106.05642, section 2.4).

    Args:
        cmvn: Feature normalisation.
        encoder: The Conformer.
        ctc: The CTC head.
        decoder: Left to right.
        reverse_decoder: Right to left, or None.
        vocab_size: V.
        config: Weights of the losses, and whether training draws chunk sizes.
    """

    subsampling_rate = 4
    sos_eos = SOS_EOS

    def __init__(
        self,
        cmvn: GlobalCmvn,
        encoder: ConformerEncoder,
        ctc: CtcHead,
        decoder: TransformerDecoder,
        reverse_decoder: TransformerDecoder | None,
        vocab_size: int,
        config: ModelConfig,
    ) -> None:
        super().__init__()
        self.cmvn = cmvn
        self.encoder = encoder
        self.ctc = ctc
        self.decoder = decoder
        self.reverse_decoder = reverse_decoder
        self.vocab_size = vocab_size
        self.config = config

    def encode(
        self, feats: Tensor, feats_lens: Tensor, chunk_size: int = -1, num_left_chunks: int = -1
    ) -> EncoderOutput:
        """Encode raw log-mel features.

        Args:
            feats: (B, T, F).
            feats_lens: (B,).
            chunk_size: Frames after subsampling per chunk; -1 for full context.
            num_left_chunks: Chunks of the past that a frame sees; -1 for all.

        Raises:
            InputError: A chunk size other than -1 for a model whose convolutions see the future.
        """
        if chunk_size != -1 and not self.config.encoder.causal_conv:
            raise InputError(
                "this model cannot decode in chunks: it was trained with `causal_conv: false`"
            )
        if chunk_size == 0 or chunk_size < -1:
            raise InputError(f"`chunk_size` must be -1 or at least 1, but is {chunk_size}")
        return self.encoder(self.cmvn(feats), feats_lens, chunk_size, num_left_chunks)

    def ctc_log_probs(self, enc: Tensor) -> Tensor:
        """(B, T', D) -> (B, T', V)."""
        return self.ctc.log_probs(enc)

    def forward(
        self, feats: Tensor, feats_lens: Tensor, tokens: Tensor, tokens_lens: Tensor
    ) -> LossOutput:
        """The training loss of a micro-batch.

        Args:
            feats: (B, T, F) raw log-mel features.
            feats_lens: (B,).
            tokens: (B, U), padded with anything.
            tokens_lens: (B,).
        """
        tokens = tokens.masked_fill(~make_valid_mask(tokens_lens, tokens.size(1)), 0)
        encoder_config = self.config.encoder
        chunk_size = -1
        if self.training and encoder_config.dynamic_chunk:
            num_frames = feats.size(1) // self.subsampling_rate
            chunk_size = sample_chunk_size(num_frames, encoder_config.max_chunk_size)
        encoded = self.encode(feats, feats_lens, chunk_size)
        enc, enc_lens = encoded.enc, encoded.enc_lens

        ctc = self.ctc.loss(enc, enc_lens, tokens, tokens_lens).sum()
        left, accuracy, left_routings = self._attention_loss(
            self.decoder, tokens, tokens_lens, enc, enc_lens
        )
        attention, right_routings = left, ()
        stats = {"loss_ctc": ctc, "loss_att": left, "acc": accuracy}
        if self.reverse_decoder is not None:
            reverse = reverse_tokens(tokens, tokens_lens)
            right, _, right_routings = self._attention_loss(
                self.reverse_decoder, reverse, tokens_lens, enc, enc_lens
            )
            rho = self.config.reverse_weight
            attention = (1 - rho) * left + rho * right
            stats["loss_att_reverse"] = right
        ctc_weight = self.config.ctc_weight
        loss = ctc_weight * ctc + (1 - ctc_weight) * attention

        routings = (*encoded.routings, *left_routings, *right_routings)
        weight = torch.tensor(float(feats.size(0)), device=feats.device)
        for name, value in self._routing_losses(routings).items():
            # Means over frames; times the weight they are sums over utterances like the rest.
            loss = loss + value * weight
            stats[f"loss_{name}"] = value * weight
        stats["loss"] = loss
        loads = {f"{i:02d}": expert_load(r).detach() for i, r in enumerate(routings)}
        return LossOutput(loss, weight, {k: v.detach() for k, v in stats.items()}, loads)

    def output_len(self, num_frames: int) -> int:
        """Frames after subsampling, for an utterance of `num_frames`."""
        return self.encoder.subsampling.output_len(num_frames)

    def _attention_loss(
        self,
        decoder: TransformerDecoder,
        tokens: Tensor,
        tokens_lens: Tensor,
        enc: Tensor,
        enc_lens: Tensor,
    ) -> tuple[Tensor, Tensor, tuple[Routing, ...]]:
        """Label-smoothed cross-entropy summed over tokens, and the accuracy summed over utterances.

        Smoothing spreads mass evenly over the whole vocabulary (Szegedy et al., 1512.00567).
        """
        tokens_in, targets = add_sos_eos(tokens, tokens_lens, self.sos_eos)
        output = decoder(tokens_in, tokens_lens + 1, enc, enc_lens)
        valid = make_valid_mask(tokens_lens + 1, tokens_in.size(1))
        dtype = torch.promote_types(output.logits.dtype, torch.float32)
        loss = F.cross_entropy(
            output.logits[valid].to(dtype),
            targets[valid],
            label_smoothing=self.config.label_smoothing,
            reduction="sum",
        )
        correct = ((output.logits.argmax(dim=-1) == targets) & valid).sum(dim=1)
        return loss, (correct / (tokens_lens + 1)).sum(), output.routings

    def _routing_losses(self, routings: Sequence[Routing]) -> dict[str, Tensor]:
        """Weighted routing losses, each summed over the MoE layers."""
        weights = self.config.routing_losses
        losses = {}
        for name, loss_of in ROUTING_LOSSES.items():
            weight = getattr(weights, name)
            if weight > 0 and routings:
                losses[name] = weight * torch.stack([loss_of(r) for r in routings]).sum()
        return losses


def add_sos_eos(tokens: Tensor, tokens_lens: Tensor, sos_eos: int) -> tuple[Tensor, Tensor]:
    """Decoder inputs <sos> y1 .. yU and targets y1 .. yU <eos>.

    Args:
        tokens: (B, U).
        tokens_lens: (B,).
        sos_eos: Its id.

    Returns:
        Two (B, U + 1) tensors; what lies behind an utterance's length + 1 is padding.
    """
    edge = tokens.new_full((tokens.size(0), 1), sos_eos)
    tokens_in = torch.cat((edge, tokens), dim=1)
    targets = torch.cat((tokens, edge), dim=1).scatter(1, tokens_lens[:, None], sos_eos)
    return tokens_in, targets


def reverse_tokens(tokens: Tensor, tokens_lens: Tensor) -> Tensor:
    """Each utterance's tokens back to front, padding left at the end.

        >>> reverse_tokens(torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([3, 2]))
        tensor([[7, 6, 5],
                [9, 8, 0]])

    Args:
        tokens: (B, U).
        tokens_lens: (B,).
    """
    position = torch.arange(tokens.size(1), device=tokens.device)[None]
    source = tokens_lens[:, None] - 1 - position
    return tokens.gather(1, torch.where(source >= 0, source, position))
