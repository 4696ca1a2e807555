"""Routers that read other frames of the utterance, for models that do not stream."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.moe.router import ExpertWeights, linear_scores, new_router_weight, select_top_k
from moeasr.moe.top_k_routers import TopKRouter, selection
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames, all_frames_valid

if TYPE_CHECKING:
    from moeasr.moe.layer import MoeConfig
    from moeasr.nn.feed_forward import Stack

DEFAULT_LOOK_AHEAD = 4


class UtteranceRouter(TopKRouter):
    """A router with one routing per utterance, r = W_g x, where x is the mean of the valid frames.

    All frames of an utterance use the same K experts with the same weights. SMEAR (Muqeeth et al.,
    arXiv 2306.03745) routes by the mean of an example, too, and merges the experts by the softmax
    over all of them, see `moeasr.moe.merged_experts`. We have read only its abstract: the form of
    the scores, without bias and norm, is our choice, and so is the router without merging.

    Args:
        d_model: Model width D.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per utterance.
        expert_weights: Normalisation of the weights, see `select_top_k`.
        merges: True if the experts are merged to one. The routing then names the expert with the
            largest share, with weight 1, and K is 1.
    """

    sees_future = True
    can_be_taught = False

    def __init__(
        self,
        d_model: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
        merges: bool = False,
    ) -> None:
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        self.merges = merges

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "UtteranceRouter":
        """Build the router of a layer, see `Router.build`."""
        return cls(stack.d_model, *selection(config), config.merge)

    @property
    def num_choices(self) -> int:
        """Number of experts to which a frame may be routed: 1 if the experts are merged."""
        return 1 if self.merges else self.num_experts

    def forward(
        self,
        x_ND: Tensor,
        context_NC: Tensor | None = None,
        valid: ValidFrames | None = None,
    ) -> Routing:
        """Route the N valid frames of a batch.

        Args:
            x_ND: The valid frames.
            context_NC: The router context, which is ignored.
            valid: The places of the frames in the batch; None if they are one utterance.
        """
        scores_BTE, valid = _scores_in_batch(x_ND, self.weight, valid)
        num_frames_B1 = valid.mask.sum(dim=1, keepdim=True).clamp(min=1)
        logits_BE = scores_BTE.sum(dim=1) / num_frames_B1
        routing = select_top_k(logits_BE, self.experts_per_frame, self.expert_weights)
        if self.merges:
            routing = routing._replace(expert_weights=torch.ones_like(routing.expert_weights))
        num_frames = valid.mask.size(1)
        parts = (routing.expert_ids, routing.expert_weights, routing.logits, routing.probs)
        return Routing(*(valid.take(part[:, None].expand(-1, num_frames, -1)) for part in parts))


class LookAheadRouter(TopKRouter):
    """A router that reads a frame and the next R frames, r_t = sum of W_j x_(t+j), j = 0 to R.

    Frames after the end of the utterance count as zeros. Attention in the router would serve the
    same purpose; this is the simplest form with a bounded view, and our choice.

    Args:
        d_model: Model width D.
        look_ahead_frames: Number R of frames.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame.
        expert_weights: Normalisation of the weights, see `select_top_k`.
    """

    sees_future = True
    can_be_taught = False

    def __init__(
        self,
        d_model: int,
        look_ahead_frames: int,
        num_experts: int,
        experts_per_frame: int,
        expert_weights: ExpertWeights,
    ) -> None:
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        self.look_ahead_frames = look_ahead_frames
        weight = new_router_weight(num_experts, (look_ahead_frames + 1) * d_model)
        self.weight = nn.Parameter(weight.detach().unflatten(1, (-1, d_model)))  # (E, R + 1, D)

    @classmethod
    def build(cls, config: "MoeConfig", stack: "Stack") -> "LookAheadRouter":
        """Build the router of a layer, see `Router.build`."""
        look_ahead = config.look_ahead_frames or DEFAULT_LOOK_AHEAD
        return cls(stack.d_model, look_ahead, *selection(config))

    def forward(
        self,
        x_ND: Tensor,
        context_NC: Tensor | None = None,
        valid: ValidFrames | None = None,
    ) -> Routing:
        """Route the N valid frames of a batch, see `UtteranceRouter.forward`."""
        scores, valid = _scores_in_batch(x_ND, self.weight.flatten(0, 1), valid)
        num_frames = valid.mask.size(1)
        padded = F.pad(scores, (0, 0, 0, self.look_ahead_frames)).unflatten(
            2, (self.num_experts, -1)
        )
        logits_BTE = torch.stack(
            [padded[:, j : j + num_frames, :, j] for j in range(self.look_ahead_frames + 1)]
        ).sum(dim=0)
        logits_NE = valid.take(logits_BTE)
        return select_top_k(logits_NE, self.experts_per_frame, self.expert_weights)


def _scores_in_batch(
    x_ND: Tensor, weight: Tensor, valid: ValidFrames | None
) -> tuple[Tensor, ValidFrames]:
    """Return scores of frames in their places in the batch, (B, T, scores), with 0 for padding.

    Args:
        x_ND: The valid frames.
        weight: One row (D,) for each score.
        valid: The places of the frames; None if they are one utterance.
    """
    if valid is None:
        valid = all_frames_valid(1, x_ND.size(0), x_ND.device)
    scores = valid.put(linear_scores(x_ND, weight))
    return scores.masked_fill(~valid.mask[..., None], 0.0), valid  # exported: padding is routed
