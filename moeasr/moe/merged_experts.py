"""Experts that are merged to one for each utterance, by averaging their parameters.

SMEAR (Muqeeth et al., arXiv 2306.03745).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from moeasr.moe.experts import ExpertBank
from moeasr.nn.routing import Routing
from moeasr.nn.valid_frames import ValidFrames, all_frames_valid


class MergedExperts(ExpertBank):
    """A bank whose experts are averaged, W = sum of p_e W_e, before they run once.

    p is the softmax over the router's scores of the utterance, and W stands for each of the weights
    w1, b1, w2 and b2. The result is differentiable in p, and the frames of an utterance cost one
    expert. Training stores the merged weights of each utterance for its backward pass.
    """

    def forward(self, x_ND: Tensor, routing: Routing, valid: ValidFrames | None = None) -> Tensor:
        """Run the merged expert of each utterance on the valid frames, (N, D).

        Args:
            x_ND: The valid frames.
            routing: Their routing, which is the same for all frames of an utterance.
            valid: The places of the frames in the batch; None if they are one utterance.
        """
        if valid is None:
            valid = all_frames_valid(1, x_ND.size(0), x_ND.device)
        shares_BE = valid.put(routing.probs)[:, 0]
        w1, b1, w2, b2 = (
            (shares_BE.to(weight.dtype) @ weight.flatten(1)).view(-1, *weight.shape[1:])
            for weight in (self.w1, self.b1, self.w2, self.b2)
        )
        hidden_BTM = self.activation(torch.baddbmm(b1[:, None], valid.put(x_ND), w1.mT))
        hidden_BTM = F.dropout(hidden_BTM, self.dropout, self.training)
        y_BTD = torch.baddbmm(b2[:, None], hidden_BTM, w2.mT)
        return valid.take(y_BTD).to(x_ND.dtype)
