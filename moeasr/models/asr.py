"""The recogniser: encoder, CTC and two attention decoders, and the loss that trains them."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.config import ModelConfig
from moeasr.models.ctc import CtcHead
from moeasr.models.decoder import TransformerDecoder
from moeasr.models.embedding import EmbeddingNetwork
from moeasr.models.encoder import Encoder
from moeasr.models.outputs import EncoderOutput, LossOutput
from moeasr.moe.balanced_router import BalancedRouter
from moeasr.moe.fixed_routers import HashRouter
from moeasr.moe.layer import MoEFeedForward
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
    `ctc_weight` and rho `reverse_weight` (U2++, arXiv 2106.05642, section 2.4). With SpeechMoE's
    embedding network gamma L_e is added, with gamma `embedding.loss_weight`.

    Args:
        cmvn: Feature normalisation.
        encoder: The shared encoder.
        ctc: The CTC head.
        decoder: Left to right, or None for a model of CTC alone.
        reverse_decoder: Right to left, or None.
        embedding: SpeechMoE's embedding network, or None.
        vocab_size: V.
        config: Weights of the losses, and whether training draws chunk sizes.
    """

    subsampling_rate = 4
    sos_eos = SOS_EOS

    def __init__(
        self,
        cmvn: GlobalCmvn,
        encoder: Encoder,
        ctc: CtcHead,
        decoder: TransformerDecoder | None,
        reverse_decoder: TransformerDecoder | None,
        embedding: EmbeddingNetwork | None,
        vocab_size: int,
        config: ModelConfig,
    ) -> None:
        super().__init__()
        self.cmvn = cmvn
        self.encoder = encoder
        self.ctc = ctc
        self.decoder = decoder
        self.reverse_decoder = reverse_decoder
        self.embedding = embedding
        self.vocab_size = vocab_size
        self.config = config

    def encode(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        chunk_size: int = -1,
        num_left_chunks: int = -1,
        languages: Tensor | None = None,
    ) -> EncoderOutput:
        """Encode raw log-mel features.

        Args:
            feats: (B, T, F).
            feats_lens: (B,).
            chunk_size: Frames after subsampling per chunk; -1 for full context.
            num_left_chunks: Chunks of the past that a frame sees; -1 for all.
            languages: (B,) index in the config's `languages`; only language routers need it.

        Raises:
            InputError: A chunk size other than -1 for a model whose convolutions see the future;
                no languages for a model that routes by them.
        """
        if chunk_size != -1:
            self.check_chunks()
        if chunk_size == 0 or chunk_size < -1:
            raise InputError(f"`chunk_size` must be -1 or at least 1, but is {chunk_size}")
        feats = self.cmvn(feats)
        context, embedded = self.language_context(languages, feats), None
        if self.embedding is not None:
            embedded = self.embedding(feats, feats_lens, chunk_size, num_left_chunks)
            context = embedded.detach()  # its own loss alone trains the embedding network
        output = self.encoder(feats, feats_lens, chunk_size, num_left_chunks, context)
        return output._replace(embedding=embedded)

    def check_chunks(self) -> None:
        """Make sure that a frame's output depends on its own chunk and the past alone.

        Routers choose frame by frame, without capacity, and without noise in evaluation; so only a
        convolution can see the future.

        Raises:
            InputError: It does not.
        """
        if not self.config.encoder.causal_conv:
            raise InputError(
                "this model cannot decode in chunks: it was trained with `causal_conv: false`, so "
                "its convolutions see future frames"
            )

    def language_context(self, languages: Tensor | None, feats: Tensor) -> Tensor | None:
        """(B, 1, L), 1 at each utterance's language; None if the model does not route by it.

        Raises:
            InputError: It does, but there are no languages.
        """
        if not self.config.languages:
            return None
        if languages is None:
            raise InputError(
                "this model routes by language: it needs to be told each utterance's, by utt2lang "
                f"or --language (one of {', '.join(self.config.languages)})"
            )
        return F.one_hot(languages, len(self.config.languages)).to(feats.dtype)[:, None]

    def ctc_log_probs(self, enc: Tensor) -> Tensor:
        """(B, T', D) -> (B, T', V)."""
        return self.ctc.log_probs(enc)

    def forward(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        tokens: Tensor,
        tokens_lens: Tensor,
        languages: Tensor | None = None,
    ) -> LossOutput:
        """The training loss of a micro-batch.

        Args:
            feats: (B, T, F) raw log-mel features.
            feats_lens: (B,).
            tokens: (B, U), padded with anything.
            tokens_lens: (B,).
            languages: (B,), see `encode`.
        """
        chunk_size = self.draw_chunk_size(feats.size(1))
        encoded = self.encode(feats, feats_lens, chunk_size, languages=languages)
        return self.loss_of_encoded(encoded, tokens, tokens_lens)

    def draw_chunk_size(self, num_frames: int) -> int:
        """The chunk size of a training batch of `num_frames` features; -1 in evaluation."""
        config = self.config.encoder
        if not (self.training and config.dynamic_chunk):
            return -1
        return sample_chunk_size(num_frames // self.subsampling_rate, config.max_chunk_size)

    def loss_of_encoded(
        self, encoded: EncoderOutput, tokens: Tensor, tokens_lens: Tensor
    ) -> LossOutput:
        """The training loss of what `encode` returned.

        Args:
            encoded: B utterances.
            tokens: (B, U), padded with anything.
            tokens_lens: (B,).
        """
        tokens = tokens.masked_fill(~make_valid_mask(tokens_lens, tokens.size(1)), 0)
        enc, enc_lens = encoded.enc, encoded.enc_lens
        ctc = self.ctc.loss(enc, enc_lens, tokens, tokens_lens).sum()
        attention, stats, decoder_routings = self._attention_losses(
            enc, enc_lens, tokens, tokens_lens
        )
        ctc_weight = self.config.ctc_weight
        loss = ctc_weight * ctc + (1 - ctc_weight) * attention
        stats["loss_ctc"] = ctc
        if encoded.embedding is not None:
            own = self.embedding.ctc.loss(encoded.embedding, enc_lens, tokens, tokens_lens).sum()
            loss = loss + self.config.embedding.loss_weight * own
            stats["loss_embedding"] = own

        routings = (*encoded.routings, *decoder_routings)
        weight = torch.tensor(float(enc.size(0)), device=enc.device)
        for name, value in self._routing_losses(routings).items():
            # Means over frames; times the weight they are sums over utterances like the rest.
            loss = loss + value * weight
            stats[f"loss_{name}"] = value * weight
        stats["loss"] = loss
        loads = {f"{i:02d}": expert_load(r).detach() for i, r in enumerate(routings)}
        return LossOutput(loss, weight, {k: v.detach() for k, v in stats.items()}, loads)

    def moe_layers(self) -> list[tuple[str, MoEFeedForward]]:
        """Names and modules of the MoE layers in the order of the routings of a training pass."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder}
        stacks["reverse_decoder"] = self.reverse_decoder
        layers = []
        for stack_name, stack in stacks.items():
            for i, block in enumerate(stack.blocks if stack is not None else ()):
                for name in ("macaron_feed_forward", "feed_forward"):
                    module = getattr(block, name, None)
                    if isinstance(module, MoEFeedForward):
                        layers.append((f"{stack_name}.blocks.{i}.{name}", module))
        return layers

    @property
    def has_balanced_routers(self) -> bool:
        """Whether `balance_routers` is to be called after each step."""
        return any(isinstance(layer.router, BalancedRouter) for _, layer in self.moe_layers())

    def balance_routers(self, loads: Mapping[str, Tensor]) -> None:
        """Move the biases of balanced routers by the expert loads of one training step.

        Args:
            loads: As in `LossOutput.expert_loads`, over all micro-batches and processes.
        """
        for i, (_, layer) in enumerate(self.moe_layers()):
            if isinstance(layer.router, BalancedRouter):
                layer.router.update(loads[f"{i:02d}"])

    def output_len(self, num_frames: int) -> int:
        """Frames after subsampling, for an utterance of `num_frames`."""
        return self.encoder.subsampling.output_len(num_frames)

    def _attention_losses(
        self, enc: Tensor, enc_lens: Tensor, tokens: Tensor, tokens_lens: Tensor
    ) -> tuple[Tensor, dict[str, Tensor], tuple[Routing, ...]]:
        """Both decoders' loss, what the log shows of it, and their routings."""
        if self.decoder is None:
            return enc.new_zeros(()), {}, ()
        left, accuracy, routings = self._attention_loss(
            self.decoder, tokens, tokens_lens, enc, enc_lens
        )
        stats = {"loss_att": left, "acc": accuracy}
        if self.reverse_decoder is None:
            return left, stats, routings
        reverse = reverse_tokens(tokens, tokens_lens)
        right, _, right_routings = self._attention_loss(
            self.reverse_decoder, reverse, tokens_lens, enc, enc_lens
        )
        stats["loss_att_reverse"] = right
        rho = self.config.reverse_weight
        return (1 - rho) * left + rho * right, stats, (*routings, *right_routings)

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
        """Weighted routing losses, each summed over the MoE layers whose router learns."""
        weights = self.config.routing_losses
        layers = [layer for _, layer in self.moe_layers()]
        routings = [
            routing
            for layer, routing in zip(layers, routings, strict=True)
            if not isinstance(layer.router, HashRouter)
        ]
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
