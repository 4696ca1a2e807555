"""The group head, which identifies the label of each frame and thereby its group of experts."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.errors import InputError
from moeasr.labels import UNKNOWN, Labels, check_names
from moeasr.models.heads.ctc_head import BLANK
from moeasr.models.heads.head import Head, HeadConfig, HeadLoss
from moeasr.nn.mask import make_valid_mask
from moeasr.nn.unquantized_linear import UnquantizedLinear

if TYPE_CHECKING:
    from moeasr.models.outputs import EncoderOutput


class Identified(NamedTuple):
    """The numbers of frames, and of correctly identified ones, in utterances with known labels."""

    num_correct: int = 0
    """Number of frames whose best label is that of the utterance."""
    num_frames: int = 0
    """Number of frames."""


class GroupHead(Head):
    """A linear layer from the output of a lower block to scores of labels.

    The best label of a frame determines the group of experts that later blocks use for this frame.
    This choice has no gradient: only the loss of the head trains the head. The loss also trains the
    lower blocks.

    Args:
        d_model: Model width D.
        num_labels: Number L of labels.
        uses_ctc: True for a CTC loss, for which the blank has the first score.
        has_blank_group: True to give the frames whose best score is that of the blank a group of
            their own, the first one. It needs the CTC loss.
    """

    def __init__(
        self, d_model: int, num_labels: int, uses_ctc: bool, has_blank_group: bool
    ) -> None:
        super().__init__()
        self.uses_ctc = uses_ctc
        self.has_blank_group = has_blank_group
        self.num_groups = num_labels + has_blank_group
        self.norm = nn.LayerNorm(d_model)
        self.project = UnquantizedLinear(d_model, num_labels + uses_ctc)

    @property
    def macs_per_frame(self) -> int:
        """Multiply-adds for one frame."""
        return self.project.in_features * self.project.out_features

    def identify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of the labels of each frame, and its group.

        The scores are computed in float32 or float64 even under autocast, because rounding to
        bfloat16 would change the group of frames whose best scores are close.

        Args:
            x: Output of a block, (B, T, D).

        Returns:
            The scores (B, T, C) of the L labels, or of the blank and the L labels with a CTC loss;
            and the one-hot groups (B, T, G).
        """
        dtype = torch.promote_types(x.dtype, torch.float32)
        device = x.device.type
        # Without autocast there is no block: in an exported graph, operators of such a block do not
        # know their module, and would be quantised.
        under_autocast = torch.is_autocast_enabled(device)
        with torch.autocast(device, enabled=False) if under_autocast else nullcontext():
            scores = self.project(self.norm(x.to(dtype)))
        candidates = scores if self.has_blank_group else self._label_scores(scores)
        groups = torch.arange(self.num_groups, device=x.device)
        return scores, (candidates.argmax(dim=-1, keepdim=True) == groups).to(x.dtype)

    def loss_of(self, encoded: "EncoderOutput", tokens: Tensor, tokens_lens: Tensor) -> HeadLoss:
        """Compute the training loss, see `Head.loss_of`, and the accuracy of the labels.

        The loss of an utterance is the cross-entropy of its label, summed over frames; or the CTC
        loss of a sequence that contains the label once for each token, but not more often than the
        frames allow (twice the number of labels is at most the number of frames plus 1). The loss
        of an utterance with an unknown label is 0.
        """
        scores, labels = encoded.group_scores, encoded.labels
        if scores is None or labels is None:
            return HeadLoss(encoded.enc.new_zeros(()), {}, {})
        log_probs = scores.log_softmax(dim=-1)
        is_known, index = labels != UNKNOWN, labels.clamp(min=0)
        if self.uses_ctc:
            losses = F.ctc_loss(
                log_probs.transpose(0, 1),
                (BLANK + 1 + index)[:, None].expand(-1, max(tokens.size(1), 1)),
                encoded.enc_lens,
                tokens_lens.minimum((encoded.enc_lens + 1) // 2),
                blank=BLANK,
                reduction="none",
            )
        else:
            of_label = log_probs.gather(2, index[:, None, None].expand(-1, scores.size(1), 1))
            valid = make_valid_mask(encoded.enc_lens, scores.size(1))
            losses = -of_label.squeeze(2).masked_fill(~valid, 0.0).sum(dim=1)
        loss = losses.masked_fill(~is_known, 0.0).sum()
        num_correct, num_frames = self.count_correct(encoded)
        accuracy = (num_correct / num_frames.clamp(min=1)).sum()
        return HeadLoss(loss, {"loss_group": loss, "acc_group": accuracy}, {})

    def count_correct(self, encoded: "EncoderOutput") -> tuple[Tensor, Tensor]:
        """Count the valid frames of each utterance, and those with the correct best label.

        The blank is ignored: the best label of a frame is that with the highest score.

        Returns:
            The number of correct frames (B,) and of all frames (B,) of utterances with a known
            label; 0 for other utterances.
        """
        scores, labels = encoded.group_scores, encoded.labels
        if scores is None or labels is None:
            nothing = torch.zeros_like(encoded.enc_lens)
            return nothing, nothing
        counted = make_valid_mask(encoded.enc_lens, scores.size(1)) & (labels != UNKNOWN)[:, None]
        best = self._label_scores(scores).argmax(dim=-1)
        is_correct = counted & (best == labels[:, None])
        return is_correct.sum(dim=1), counted.sum(dim=1)

    def _label_scores(self, scores: Tensor) -> Tensor:
        """Return the scores without that of the blank."""
        return scores[..., BLANK + 1 :] if self.uses_ctc else scores


def count_identified(heads: Mapping[str, Head], encoded: "EncoderOutput") -> Identified:
    """Count the correctly identified frames of a batch; none if no head is a `GroupHead`."""
    for head in heads.values():
        if isinstance(head, GroupHead):
            return Identified(*(int(counts.sum()) for counts in head.count_correct(encoded)))
    return Identified()


@dataclass(frozen=True, kw_only=True)
class GroupConfig(HeadConfig):
    """The settings of a `GroupHead`, which `router: learned_group` needs.

    The head reads the output of the last of the encoder's `num_dense_blocks`.
    """

    type: Literal["group"] = "group"
    labels: tuple[str, ...] = ()
    """Names of the labels, as in the table of `label`. Each has a group of experts."""
    label: str = "lang"
    """Kind of label: training needs the table `utt2<label>` of the data directories, such as
    utt2lang. Recognition needs no labels."""
    loss: Literal["frame", "ctc"] = "frame"
    """Loss of the head: `frame` is the cross-entropy of the label in all frames of an utterance (as
    in LR-MoE), `ctc` the CTC loss of the label repeated for each token (as in SC-MoE, DLG-MoE)."""
    blank_group: bool = False
    """True to give blank frames their own group of experts (as in SC-MoE); needs `loss: ctc`."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        super().__post_init__()
        check_names(self.label_set, at_least=1 if self.blank_group else 2)
        if self.blank_group and self.loss != "ctc":
            raise InputError(
                "`blank_group: true` needs `loss: ctc`, because only CTC tells blank frames apart"
            )

    @property
    def num_groups(self) -> int:
        """Number of groups of experts."""
        return len(self.labels) + self.blank_group

    @property
    def label_set(self) -> Labels:
        """The labels and their table, for reading a training set."""
        return Labels(self.labels, self.label)

    @property
    def serves_experts(self) -> bool:
        """True, because the head chooses groups of experts."""
        return True

    def build(self, d_model: int, vocab_size: int) -> GroupHead:
        """Build the head, see `HeadConfig.build`."""
        return GroupHead(d_model, len(self.labels), self.loss == "ctc", self.blank_group)
