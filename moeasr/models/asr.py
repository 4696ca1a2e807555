"""The recogniser: an encoder, its heads, and the loss that trains them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.embedding import EmbeddingNetwork
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.heads.attention_head import SOS_EOS
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.models.heads.head import Head
from moeasr.models.outputs import EncoderOutput, LossOutput
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.losses import ROUTING_LOSSES
from moeasr.moe.stats import expert_load
from moeasr.nn.mask import make_valid_mask, sample_chunk_size
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.models.config import ModelConfig


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
    """An encoder and the heads that read it; U2++ has a CTC head and an attention head.

    L = sum of weight times loss over the heads + routing losses. U2++ weighs CTC by lambda and
    attention by 1 - lambda (arXiv 2106.05642, section 2.4). With SpeechMoE's embedding network
    gamma L_e is added.

    Args:
        cmvn: Feature normalisation.
        encoder: The shared encoder.
        heads: By name; one of them is `ctc`.
        head_weights: Of their losses. A head of weight 0 is not trained.
        embedding: SpeechMoE's embedding network, or None.
        routing_losses: Weights of `ROUTING_LOSSES`.
        languages: Those that its routers know; none if they do not look at languages.
        vocab_size: V.
        max_chunk_size: Training draws chunk sizes up to this one; None: it knows full context only.
        config: What all this was built from, for whoever makes another model of it. The network
            does not read it.

    Attributes:
        all_heads: By name.
        heads: Those of them that are trained.
    """

    sos_eos = SOS_EOS
    ctc: CtcHead

    def __init__(
        self,
        cmvn: GlobalCmvn,
        encoder: Encoder,
        heads: Mapping[str, Head],
        head_weights: Mapping[str, float],
        embedding: EmbeddingNetwork | None,
        routing_losses: Mapping[str, float],
        languages: tuple[str, ...],
        vocab_size: int,
        max_chunk_size: int | None,
        config: "ModelConfig",
    ) -> None:
        super().__init__()
        self.cmvn = cmvn
        self.encoder = encoder
        self._paths = {name: self._add_head(name, head) for name, head in heads.items()}
        self.embedding = embedding
        self.all_heads = dict(heads)
        self.heads = {name: head for name, head in heads.items() if head_weights[name] > 0}
        self.head_weights = dict(head_weights)
        self.routing_losses = dict(routing_losses)
        self.languages = languages
        self.vocab_size = vocab_size
        self.max_chunk_size = max_chunk_size
        self.config = config

    def _add_head(self, name: str, head: Head) -> str:
        """Make a head, or its children, a part of this module; returns what stands before paths."""
        parts = dict(head.named_children()) if head.children_are_named_alone else {name: head}
        for part_name, part in parts.items():
            if hasattr(self, part_name):
                raise InputError(f"a model cannot have two parts of the name '{part_name}'")
            self.add_module(part_name, part)
        return "" if head.children_are_named_alone else f"{name}."

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
        routings = {f"encoder.{path}": routing for path, routing in output.routings.items()}
        return output._replace(routings=routings, embedding=embedded)

    def check_chunks(self) -> None:
        """Make sure that a frame's output depends on its own chunk and the past alone.

        Routers choose frame by frame, without capacity, and without noise in evaluation; so only a
        convolution can see the future.

        Raises:
            InputError: It does not.
        """
        if self.encoder.sees_future:
            raise InputError(
                "this model cannot decode in chunks: it was trained with `causal_conv: false`, so "
                "its convolutions see future frames"
            )

    def language_context(self, languages: Tensor | None, feats: Tensor) -> Tensor | None:
        """(B, 1, L), 1 at each utterance's language; None if the model does not route by it.

        Raises:
            InputError: It does, but there are no languages.
        """
        if not self.languages:
            return None
        if languages is None:
            raise InputError(
                "this model routes by language: it needs to be told each utterance's, by utt2lang "
                f"or --language (one of {', '.join(self.languages)})"
            )
        return F.one_hot(languages, len(self.languages)).to(feats.dtype)[:, None]

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
        if not self.training or self.max_chunk_size is None:
            return -1
        return sample_chunk_size(num_frames // self.subsampling_rate, self.max_chunk_size)

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
        inputs = (encoded.enc_lens, tokens, tokens_lens)
        loss = encoded.enc.new_zeros(())
        stats: dict[str, Tensor] = {}
        routings = dict(encoded.routings)
        for name, head in self.heads.items():
            of_head = head.loss(encoded.enc, *inputs)
            loss = loss + self.head_weights[name] * of_head.loss
            stats |= of_head.stats
            routings |= {self._paths[name] + path: r for path, r in of_head.routings.items()}
        if self.embedding is not None and encoded.embedding is not None:
            own = self.embedding.ctc.losses(encoded.embedding, *inputs).sum()
            loss = loss + self.embedding.loss_weight * own
            stats["loss_embedding"] = own

        weight = torch.tensor(float(encoded.enc.size(0)), device=encoded.enc.device)
        for name, value in self._routing_losses(routings).items():
            # Means over frames; times the weight they are sums over utterances like the rest.
            loss = loss + value * weight
            stats[f"loss_{name}"] = value * weight
        stats["loss"] = loss
        loads = {path: expert_load(routing).detach() for path, routing in routings.items()}
        return LossOutput(loss, weight, {k: v.detach() for k, v in stats.items()}, loads)

    def moe_layers(self) -> dict[str, MoEFeedForward]:
        """The MoE layers by their paths, in the order of the routings of a training pass."""
        return {
            path: module
            for path, module in self.named_modules(remove_duplicate=False)
            if isinstance(module, MoEFeedForward)
        }

    @property
    def has_reacting_routers(self) -> bool:
        """Whether `react` is to be called after each step."""
        return any(layer.router.reacts for layer in self.moe_layers().values())

    def react(self, loads: Mapping[str, Tensor]) -> None:
        """Tell the routers what the expert loads of one training step were.

        Args:
            loads: As in `LossOutput.expert_loads`, over all micro-batches and processes.
        """
        for path, layer in self.moe_layers().items():
            if layer.router.reacts:
                layer.router.react(loads[path])

    @property
    def subsampling_rate(self) -> int:
        """Feature frames from one encoder frame to the next."""
        return self.encoder.subsampling_rate

    def output_len(self, num_frames: int) -> int:
        """Frames after subsampling, for an utterance of `num_frames`."""
        return self.encoder.output_len(num_frames)

    def _routing_losses(self, routings: Mapping[str, Routing]) -> dict[str, Tensor]:
        """Weighted routing losses, each summed over the MoE layers whose router learns."""
        fixed = {path for path, layer in self.moe_layers().items() if not layer.router.learns}
        learnt = [routing for path, routing in routings.items() if path not in fixed]
        losses = {}
        for name, weight in self.routing_losses.items():
            if weight > 0 and learnt:
                loss_of = ROUTING_LOSSES[name]
                losses[name] = weight * torch.stack([loss_of(r) for r in learnt]).sum()
        return losses
