"""The recogniser: an encoder, its heads, and the training loss."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.models.ctc_signals import CtcSignals
from moeasr.models.embedding import EmbeddingNetwork
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.global_cmvn import GlobalCmvn
from moeasr.models.heads.attention_head import SOS_EOS
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.models.heads.head import Head
from moeasr.models.outputs import EncoderOutput, LossOutput
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.losses import sum_routing_loss
from moeasr.moe.stats import expert_load
from moeasr.nn.mask import make_valid_mask, sample_chunk_size
from moeasr.nn.routing import Routing

if TYPE_CHECKING:
    from moeasr.models.config import ModelConfig


class AsrModel(nn.Module):
    """An encoder with heads; U2++ has a CTC head and an attention head.

    The training loss is the weighted sum of the losses of the heads plus the routing losses. U2++
    weights CTC by lambda and attention by 1 - lambda (arXiv 2106.05642, section 2.4). SpeechMoE's
    embedding network adds gamma L_e.

    Args:
        cmvn: Feature normalisation.
        encoder: The encoder that all heads share.
        heads: Heads by name; one of them is `ctc`.
        head_weights: Weights of the heads' losses by name. A head of weight 0 is not trained.
        embedding: SpeechMoE's embedding network, or None.
        ctc_signals: Additional terms of the CTC head's loss in training, and its weight by step.
        routing_losses: Weights of routing losses by the names of `find_routing_loss`, above 0.
        languages: Languages that the routers know; empty if no router uses the language.
        vocab_size: Vocabulary size V.
        max_chunk_size: Largest chunk size that training draws; None for full context only.
        config: The config from which the model was built, for code that derives another model from
            it. The network does not read it.

    Attributes:
        all_heads: All heads by name.
        heads: The heads that are trained, by name.
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
        ctc_signals: CtcSignals,
        routing_losses: Mapping[str, float],
        languages: tuple[str, ...],
        vocab_size: int,
        max_chunk_size: int | None,
        config: "ModelConfig",
    ) -> None:
        super().__init__()
        self.cmvn = cmvn
        self.encoder = encoder
        self.all_heads = dict(heads)
        self.heads = {name: head for name, head in heads.items() if head_weights[name] > 0}
        self.head_weights = dict(head_weights)
        self._training_weights = self.head_weights
        self.ctc_signals = ctc_signals
        self.routing_losses = dict(routing_losses)
        self.languages = languages
        self.vocab_size = vocab_size
        self.max_chunk_size = max_chunk_size
        self.config = config
        self.embedding = None  # no head may take its place
        self._paths = {name: self._add_head(name, head) for name, head in heads.items()}
        self.embedding = embedding
        routers = [layer.router for layer in self.moe_layers().values()]
        self._draws_experts = any(router.draws_experts for router in routers)

    def _add_head(self, name: str, head: Head) -> str:
        """Register a head or its children as submodules, and return the prefix of their paths."""
        parts = dict(head.named_children()) if head.children_are_named_alone else {name: head}
        for part_name, part in parts.items():
            if hasattr(self, part_name):
                raise InputError(f"a model cannot have two parts with the name '{part_name}'")
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
            feats: Features, (B, T, F).
            feats_lens: Number of feature frames of each utterance, (B,).
            chunk_size: Number of encoder frames per chunk; -1 for full context.
            num_left_chunks: Number of past chunks that a frame sees; -1 for all.
            languages: Index of each utterance's language in the config's `languages`, (B,), which
                only language routers need; or of its label in the `labels` of a head, which only
                training needs.

        Raises:
            InputError: The chunk size is not -1 although the model sees future frames, or the model
                routes by language and `languages` is None.
        """
        if chunk_size != -1:
            self.check_chunks()
        if chunk_size == 0 or chunk_size < -1:
            raise InputError(f"`chunk_size` must be -1 or at least 1, but is {chunk_size}")
        feats = self.cmvn(feats)
        context, embedded = self._router_context(languages, feats), None
        if self.embedding is not None:
            embedded = self.embedding(feats, feats_lens, chunk_size, num_left_chunks)
            context = embedded.detach()  # only its own loss trains the embedding network
        output = self.encoder(feats, feats_lens, chunk_size, num_left_chunks, context)
        routings = {f"encoder.{path}": routing for path, routing in output.routings.items()}
        return output._replace(routings=routings, embedding=embedded, labels=languages)

    def check_chunks(self) -> None:
        """Raise `InputError` unless the output of a frame depends only on its chunk and the past.

        Attention is masked to the chunk and the past. Most routers decide frame by frame, without a
        capacity limit and, in evaluation, without noise.
        """
        if self.encoder.sees_future:
            raise InputError(
                f"this model cannot decode in chunks: {self.encoder.future_reason}; use "
                "`chunk_size` -1"
            )

    def language_context(self, languages: Tensor | None, feats: Tensor) -> Tensor | None:
        """Return one-hot languages (B, 1, L); None if the model does not route by language.

        Raises:
            InputError: The model routes by language, but `languages` is None.
        """
        if not self.languages:
            return None
        if languages is None:
            raise InputError(
                "this model routes by language and needs the language of each utterance, from "
                f"utt2lang or --language (one of {', '.join(self.languages)})"
            )
        return F.one_hot(languages, len(self.languages)).to(feats.dtype)[:, None]

    def _router_context(self, labels: Tensor | None, feats: Tensor) -> Tensor | None:
        """Return the labels that a head teaches to routers in training, or else the languages."""
        for head in self.heads.values() if self.training and labels is not None else ():
            if (weights_BL := head.taught_labels(labels)) is not None:
                return weights_BL.to(feats.dtype)[:, None]
        return self.language_context(labels, feats)

    def ctc_log_probs(self, enc: Tensor) -> Tensor:
        """Return the CTC log-probabilities of encoder output, (B, T', D) -> (B, T', V)."""
        return self.ctc.log_probs(enc)

    def forward(
        self,
        feats: Tensor,
        feats_lens: Tensor,
        tokens: Tensor,
        tokens_lens: Tensor,
        languages: Tensor | None = None,
        num_views: int = 1,
    ) -> LossOutput:
        """Compute the training loss of a micro-batch.

        Args:
            feats: Raw log-mel features, (B, T, F).
            feats_lens: Number of feature frames of each utterance, (B,).
            tokens: Tokens (B, U) with any padding.
            tokens_lens: Number of tokens of each utterance, (B,).
            languages: Languages (B,), see `encode`.
            num_views: Number of views of each utterance, see `moeasr.data.batch.Batch`. Each view
                counts as an utterance in the loss, the statistics and the expert loads.
        """
        chunk_size = self.draw_chunk_size(feats.size(1))
        encoded = self.encode(feats, feats_lens, chunk_size, languages=languages)
        return self.loss_of_encoded(encoded, tokens, tokens_lens, num_views)

    def start_step(self, step: int) -> None:
        """Set what varies between training steps, from 1 on.

        These are the weights of the losses of CTC and attention, those of labels that teach
        routers, and the numbers of experts that routers draw.
        """
        for head in self.heads.values():
            head.start_step(step)
        self._training_weights = self.head_weights | self.ctc_signals.head_weights_at(step)
        for layer in self.moe_layers().values() if self._draws_experts else ():
            layer.router.start_step(step)

    def draw_chunk_size(self, num_frames: int) -> int:
        """Draw the chunk size of a training batch of `num_frames` features; -1 in evaluation."""
        if not self.training or self.max_chunk_size is None:
            return -1
        return sample_chunk_size(num_frames // self.subsampling_rate, self.max_chunk_size)

    def loss_of_encoded(
        self, encoded: EncoderOutput, tokens: Tensor, tokens_lens: Tensor, num_views: int = 1
    ) -> LossOutput:
        """Compute the training loss from the output of `encode`.

        Args:
            encoded: Encoder output of B utterances.
            tokens: Tokens (B, U) with any padding.
            tokens_lens: Number of tokens of each utterance, (B,).
            num_views: Number of views of each utterance, see `forward`.
        """
        tokens = tokens.masked_fill(~make_valid_mask(tokens_lens, tokens.size(1)), 0)
        inputs = (encoded.enc_lens, tokens, tokens_lens)
        weights = self._training_weights if self.training else self.head_weights
        loss = encoded.enc.new_zeros(())
        stats: dict[str, Tensor] = {}
        routings = dict(encoded.routings)
        for name, head in self.heads.items():
            of_head = head.loss_of(encoded, tokens, tokens_lens)
            if head is self.ctc:
                of_head = self.ctc_signals.add_to(of_head, head, encoded, inputs, num_views)
            loss = loss + weights[name] * of_head.loss
            # a second head of a type has the same names
            stats |= {f"{k}_{name}" if k in stats else k: v for k, v in of_head.stats.items()}
            routings |= {self._paths[name] + path: r for path, r in of_head.routings.items()}
        if self.embedding is not None and encoded.embedding is not None:
            own = self.embedding.ctc.losses(encoded.embedding, *inputs).sum()
            loss = loss + self.embedding.loss_weight * own
            stats["loss_embedding"] = own

        weight = torch.tensor(float(encoded.enc.size(0)), device=encoded.enc.device)
        for name, value in self._routing_losses(routings).items():
            # A routing loss is a mean over frames. Multiplied by the number of utterances, it is a
            # sum over utterances like the other losses.
            loss = loss + value * weight
            stats[f"loss_{name}"] = value * weight
        stats["loss"] = loss
        loads = {path: expert_load(routing).detach() for path, routing in routings.items()}
        return LossOutput(loss, weight, {k: v.detach() for k, v in stats.items()}, loads)

    def moe_layers(self) -> dict[str, MoEFeedForward]:
        """Return the MoE layers by path, in the order of the routings of a training pass."""
        return {
            path: module
            for path, module in self.named_modules(remove_duplicate=False)
            if isinstance(module, MoEFeedForward)
        }

    @property
    def has_reacting_routers(self) -> bool:
        """True if `react` must be called after each training step."""
        return any(layer.router.reacts for layer in self.moe_layers().values())

    def react(self, loads: Mapping[str, Tensor]) -> None:
        """Pass the expert loads of one training step to the routers that react to them.

        Args:
            loads: Loads as in `LossOutput.expert_loads`, summed over all micro-batches and
                processes.
        """
        for path, layer in self.moe_layers().items():
            if layer.router.reacts and path in loads:  # a head of weight 0 does not run
                layer.router.react(loads[path])

    @property
    def subsampling_rate(self) -> int:
        """Number of feature frames from one encoder frame to the next."""
        return self.encoder.subsampling_rate

    def output_len(self, num_frames: int) -> int:
        """Return the number of encoder frames of an utterance of `num_frames` feature frames."""
        return self.encoder.output_len(num_frames)

    def _routing_losses(self, routings: Mapping[str, Routing]) -> dict[str, Tensor]:
        """Compute weighted routing losses, each summed over the MoE layers whose router learns."""
        if not self.routing_losses:  # as in U2++ MoE: the layers need not be searched at every step
            return {}
        fixed = {path for path, layer in self.moe_layers().items() if not layer.router.learns}
        learnt = [routing for path, routing in routings.items() if path not in fixed]
        weights = self.routing_losses if learnt else {}
        return {name: weight * sum_routing_loss(name, learnt) for name, weight in weights.items()}
