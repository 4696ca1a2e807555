"""CTC heads of experts: at some blocks, every expert learns to recognise by itself (MoE-CTC)."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError
from moeasr.labels import UNKNOWN, Labels, check_names
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.encoders.block_encoder_config import BlockEncoderConfig
from moeasr.models.heads.ctc_head import BLANK
from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.models.weight_schedule import check_schedule, weight_at
from moeasr.moe.dispatch import sort_by_expert
from moeasr.moe.label_teaching import label_log_probs, label_of_experts
from moeasr.moe.layer import MoeConfig, MoEFeedForward
from moeasr.nn.routing import ExpertsAlone, Routing
from moeasr.ranges import check_blocks, check_weight

if TYPE_CHECKING:
    from moeasr.models.encoders.encoder import EncoderConfig
    from moeasr.models.outputs import EncoderOutput


class ExpertProjections(nn.Module):
    """A norm, and a linear layer for each expert from its output to scores of units and blank.

    Args:
        num_experts: Number E of experts.
        d_model: Model width D.
        vocab_size: Vocabulary size V.
    """

    def __init__(self, num_experts: int, d_model: int, vocab_size: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.weight = nn.Parameter(torch.empty(num_experts, vocab_size, d_model))
        self.bias = nn.Parameter(torch.empty(num_experts, vocab_size))
        for parameter in (self.weight, self.bias):  # like nn.Linear
            nn.init.uniform_(parameter, -1 / math.sqrt(d_model), 1 / math.sqrt(d_model))

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the biases, which would be decayed like weights otherwise."""
        return [self.bias]

    def forward(self, alone: ExpertsAlone) -> Tensor:
        """Compute log-probabilities in float32 or float64, (B, K, T, D) -> (B, K, T, V)."""
        dispatch = sort_by_expert(alone.expert_ids, self.weight.size(0))
        states_RTD = alone.states.flatten(0, 1).index_select(0, dispatch.assignment_of_row)
        slices = self.norm(states_RTD).split(dispatch.rows_per_expert)
        projections = zip(slices, self.weight.unbind(0), self.bias.unbind(0))
        logits_RTV = torch.cat([F.linear(x, weight, bias) for x, weight, bias in projections])
        logits_RTV = logits_RTV.index_select(0, dispatch.assignment_of_row.argsort())
        dtype = torch.promote_types(logits_RTV.dtype, torch.float32)
        log_probs = logits_RTV.log_softmax(dim=-1, dtype=dtype)
        return log_probs.unflatten(0, alone.expert_ids.shape)


class ExpertCtcHead(Head):
    """CTC heads of the experts of some blocks, and labels that teach the routers of these blocks.

    It follows MoE-CTC (arXiv 2602.01967), of which we have read the abstract only: each expert has
    a CTC head, the accent guides routing at first, and routing becomes free of labels. The formulas
    are our choice. The loss is the mean over the blocks of

        sum_k s_k CTC_k(tokens | states of expert k) - a w sum_t log P_t.

    The first sum runs over the K experts that an utterance uses most, each of which processes all
    frames of the utterance alone; s_k is its share in the weights of the frames. So a router learns
    to prefer experts that recognise the utterance. P_t is the share of the experts of the
    utterance's label in the router's softmax for frame t. The label weight a falls to 0 according
    to a schedule; meanwhile, routing follows the label by the same weight, see
    `moeasr.moe.label_teaching`.

    The head is used in training only. In evaluation its loss is 0, and recognition needs no label.

    Args:
        blocks: Numbers of the blocks, from 1.
        d_model: Model width D.
        vocab_size: Vocabulary size V.
        num_labels: Number L of labels.
        label_weight_schedule: Weight a of the label by step, see `weight_at`.
        routing_weight: Weight w of the loss of routers that are taught.
    """

    def __init__(
        self,
        blocks: tuple[int, ...],
        d_model: int,
        vocab_size: int,
        num_labels: int,
        label_weight_schedule: tuple[tuple[float, ...], ...],
        routing_weight: float,
    ) -> None:
        super().__init__()
        self._sizes = d_model, vocab_size
        self._blocks = blocks
        self._num_labels = num_labels
        self._schedule = label_weight_schedule
        self._routing_weight = routing_weight
        self._label_weight = 0.0
        self.blocks = nn.ModuleDict()

    def attach(self, encoder: BlockEncoder) -> None:
        """Create the projections of the experts of an encoder, and let its training run them.

        Raises:
            InputError: A block has no experts by the name of `feed_forward`.
        """
        for number in self._blocks:
            layer = getattr(encoder.blocks[number - 1], "feed_forward", None)
            if not isinstance(layer, MoEFeedForward):
                raise InputError(
                    f"`type: expert_ctc` cannot use block {number}, because its `feed_forward` has "
                    "no experts"
                )
            layer.supervises_experts = True
            sizes = layer.experts.num_experts, *self._sizes
            self.blocks[str(number - 1)] = ExpertProjections(*sizes)

    def start_step(self, step: int) -> None:
        """Set the weight of the label for a training step, see `Head.start_step`."""
        self._label_weight = weight_at(step, self._schedule)

    def taught_labels(self, labels: Tensor) -> Tensor | None:
        """Return the weights of the labels by which routers are taught, see `Head.taught_labels`.

        None if the weight of the label is 0.
        """
        if self._label_weight == 0:
            return None
        numbers = torch.arange(self._num_labels, device=labels.device)
        return (labels[:, None] == numbers) * self._label_weight

    def loss_of(self, encoded: "EncoderOutput", tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss, see `Head.loss_of`, and statistics of the labels.

        `acc_group` is the share of frames whose best expert, by the router alone, belongs to the
        label; that of an utterance with an unknown label is 0. `loss_label` does not count these.
        """
        loss, stats = encoded.enc.new_zeros(()), {}
        targets = tokens, encoded.enc_lens, tokens_lens
        alone = {key: self._routing(encoded, key).alone for key in self.blocks}
        losses = [self._ctc(key, run, *targets) for key, run in alone.items() if run is not None]
        if losses:
            loss = stats["loss_expert_ctc"] = torch.stack(losses).mean()
        if encoded.labels is not None:
            label_loss, accuracy = self._compare_labels(encoded, encoded.labels)
            stats |= {"loss_label": label_loss, "acc_group": accuracy}
            if losses:
                loss = loss + self._label_weight * self._routing_weight * label_loss
        return HeadLoss(loss, stats, {})

    def _routing(self, encoded: "EncoderOutput", key: str) -> Routing:
        return encoded.routings[f"encoder.blocks.{key}.feed_forward"]

    def _ctc(
        self, key: str, alone: ExpertsAlone, tokens: Tensor, enc_lens: Tensor, tokens_lens: Tensor
    ) -> Tensor:
        """Compute the CTC losses of one block, weighted by the shares, summed over utterances."""
        num_experts = alone.expert_ids.size(1)
        losses = F.ctc_loss(
            self.blocks[key](alone).flatten(0, 1).transpose(0, 1),
            *(x.repeat_interleave(num_experts, dim=0) for x in (tokens, enc_lens, tokens_lens)),
            blank=BLANK,
            reduction="none",
        )
        return (alone.shares * losses.view_as(alone.shares)).sum()

    def _compare_labels(self, encoded: "EncoderOutput", labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the negative log P of the labels, summed over frames, and the accuracy.

        Both are means over blocks and sums over utterances.
        """
        lens = encoded.enc_lens
        label_N, len_N = labels.repeat_interleave(lens), lens.repeat_interleave(lens)
        is_known = label_N != UNKNOWN
        losses, accuracies = [], []
        for key in self.blocks:
            routing = self._routing(encoded, key)
            log_probs = label_log_probs(routing, label_N.clamp(min=0), self._num_labels)
            losses.append(-log_probs.masked_fill(~is_known, 0.0).sum())
            owners = label_of_experts(routing.num_experts, self._num_labels, labels.device)
            is_correct = owners[routing.probs.argmax(dim=1)] == label_N
            accuracies.append((is_correct / len_N).sum())
        return torch.stack(losses).mean(), torch.stack(accuracies).mean()


@dataclass(frozen=True, kw_only=True)
class ExpertCtcConfig(HeadConfig):
    """The settings of an `ExpertCtcHead`, which only training uses."""

    type: Literal["expert_ctc"] = "expert_ctc"
    blocks: tuple[int, ...] = ()
    """Numbers of the encoder blocks, from 1, whose `feed_forward` has a CTC head per expert."""
    labels: tuple[str, ...] = ()
    """Names of the labels, as in the table of `label`. Each has about E / L of the experts."""
    label: str = "lang"
    """Kind of label: training needs the table `utt2<label>` of the data directories, such as
    utt2lang. Recognition needs no labels."""
    label_weight_schedule: tuple[tuple[float, ...], ...] = field(default=(), metadata=OBJECTIVE)
    """Pairs [step, weight] between which training interpolates the weight of the label in routing,
    such as [[0, 1.0], [2000, 0.0]]: 1 routes to the experts of the label, and the last weight is
    0."""
    routing_weight: float = field(default=1.0, metadata=OBJECTIVE)
    """Weight of the loss by which routers learn the label, relative to the CTC losses. It is
    multiplied by the weight of the label."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        super().__post_init__()
        if self.weight == 0:
            raise InputError(
                "`weight` must be above 0, because the head is used in training only; remove the "
                "head instead"
            )
        check_blocks("blocks", self.blocks, at_least=1)
        check_names(self.label_set)
        check_weight("routing_weight", self.routing_weight)
        if not self.label_weight_schedule:
            raise InputError(
                "`label_weight_schedule` needs pairs [step, weight] that end with the weight 0, "
                "such as [[0, 1.0], [2000, 0.0]]"
            )
        check_schedule("label_weight_schedule", self.label_weight_schedule, 0)

    @property
    def label_set(self) -> Labels:
        """The labels and their table, for reading a training set."""
        return Labels(self.labels, self.label)

    @property
    def serves_experts(self) -> bool:
        """True, because the head trains experts."""
        return True

    def check_encoder(self, encoder: "EncoderConfig") -> None:
        """Raise `InputError` unless the blocks have experts whose router can be taught."""
        if not isinstance(encoder, BlockEncoderConfig):
            raise InputError("it needs an encoder that consists of blocks")
        for key, part in encoder.feed_forwards.items():
            if part.context:
                raise InputError(
                    f"labels cannot teach a router while `encoder.{key}` has "
                    f"`router: {part.context}`; use another router"
                )
        part = encoder.feed_forward
        if not isinstance(part, MoeConfig) or not part.router_class.can_be_taught:
            raise InputError(
                "it needs an `encoder.feed_forward` of `type: moe`, and a router that labels can "
                "teach, such as top_k"
            )
        if part.merged_from is not None:
            raise InputError("labels cannot teach a router whose experts were merged")
        if len(self.labels) > part.num_experts:
            raise InputError(
                f"`labels` must not be more than the experts of `encoder.feed_forward` "
                f"({part.num_experts}), but are {len(self.labels)}"
            )
        first = encoder.num_dense_blocks + 1
        if self.blocks[0] < first or self.blocks[-1] > encoder.num_blocks:
            raise InputError(
                f"`blocks` must be numbers of blocks with experts, from {first} to "
                f"{encoder.num_blocks}, but is {list(self.blocks)}"
            )

    def build(self, d_model: int, vocab_size: int) -> ExpertCtcHead:
        """Build the head, see `HeadConfig.build`; `attach` completes it."""
        return ExpertCtcHead(
            self.blocks,
            d_model,
            vocab_size,
            len(self.labels),
            self.label_weight_schedule,
            self.routing_weight,
        )
