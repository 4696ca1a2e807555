"""A router whose weights are sigmoids, so that they do not sum to one."""

import torch
from torch import nn

from moeasr.moe.router import Router
from moeasr.nn.routing import Routing


class SigmoidRouter(Router):
    """A router with s = sigmoid(W x) that selects the best K, and has only the required members."""

    def __init__(self, d_model, num_experts, experts_per_frame):
        super().__init__()
        self.num_experts, self.experts_per_frame = num_experts, experts_per_frame
        self.scores = nn.Linear(d_model, num_experts)

    @classmethod
    def build(cls, config, stack):
        return cls(stack.d_model, config.num_experts, config.experts_per_frame)

    def forward(self, x_ND, context_NC=None):
        logits_NE = self.scores(x_ND).to(torch.promote_types(x_ND.dtype, torch.float32))
        top_NK = logits_NE.topk(self.experts_per_frame, dim=1)
        return Routing(top_NK.indices, top_NK.values.sigmoid(), logits_NE, logits_NE.softmax(1))
