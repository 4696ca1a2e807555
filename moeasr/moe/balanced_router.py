"""Load balancing without a loss, by a bias on the score of each expert that counteracts its load.

Wang et al., 2024 (arXiv 2408.15664), as in DeepSeek-V3.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.errors import InputError
from moeasr.moe.router import ExpertWeights, linear_scores
from moeasr.moe.top_k_routers import TopKRouter
from moeasr.nn.routing import Routing

BIAS_STEP = 1e-3  # u in the paper


class BalancedRouter(TopKRouter):
    """A router with s = sigmoid(W_g x) that selects the K experts with the highest s + b.

    The experts are weighted by s alone. The bias b has no gradient: after every training step,
    `react` raises it for experts with less than the mean load and lowers it for the others. With
    `selected` weights, s is divided by its sum over the K experts. With `full` weights, s is used
    unchanged.

    Args:
        d_model: Model width D.
        num_experts: Number E of experts.
        experts_per_frame: Number K of experts per frame.
        expert_weights: `selected` or `full`, see above.

    Raises:
        InputError: K = 1 with `selected` weights (see `check_selection`), or a single expert with
            `full` weights.
    """

    reacts = True
    can_be_taught = False  # it selects by sigmoids, not by a softmax
    rows_by_expert = ("weight", "bias")

    def __init__(
        self, d_model: int, num_experts: int, experts_per_frame: int, expert_weights: ExpertWeights
    ) -> None:
        if num_experts == 1 and expert_weights == "full":
            raise InputError(
                "`router: balanced` with one expert needs `expert_weights: selected`, because a "
                "sigmoid would give the expert a weight below 1"
            )
        super().__init__(d_model, num_experts, experts_per_frame, expert_weights)
        # A buffer is stored with the weights, but not changed by the optimizer.
        self.register_buffer("bias", torch.zeros(num_experts))

    @property
    def ignores_unused_experts(self) -> bool:
        """True, because a sigmoid depends on the score of its own expert alone."""
        return True

    @property
    def least_experts(self) -> int:
        """The number of experts per frame; with `full` weights, at least 2."""
        return max(super().least_experts, 1 + (self.expert_weights == "full"))

    @property
    def weights_sum_to_one(self) -> bool:
        """True if the sigmoids are divided by their sum."""
        return self.expert_weights != "full"

    def forward(self, x_ND: Tensor, context_NC: Tensor | None = None) -> Routing:
        """Route N frames; the router context is ignored."""
        logits_NE = linear_scores(x_ND, self.weight)
        scores_NE = logits_NE.sigmoid()
        ids_NK = (scores_NE.detach() + self.bias).topk(self.experts_per_frame, dim=-1).indices
        # sigmoids that all underflow to 0 could not be divided by their sum
        log_scores_NE = F.logsigmoid(logits_NE)
        if self.expert_weights == "full":
            weights_NK = scores_NE.gather(1, ids_NK)
        else:
            weights_NK = log_scores_NE.gather(1, ids_NK).softmax(dim=-1)
        return Routing(ids_NK, weights_NK, logits_NE, log_scores_NE.softmax(dim=-1))

    @torch.no_grad()
    def react(self, load: Tensor) -> None:
        """Adjust the bias of each expert to the load of one training step, see `Router.react`.

        A frozen router keeps its bias. Experts that were merged to one have the load of that one.
        """
        if self.weight.requires_grad:
            change = torch.sign(load.mean() - load)
            if self.expert_of is not None:
                change = change[self.expert_of]
            self.bias += BIAS_STEP * change.to(self.bias)
