"""The MoE feed-forward: route the valid frames, run their experts, put the frames back."""

from torch import Tensor, nn

from moeasr.moe.experts import ExpertBank
from moeasr.moe.routers import Router
from moeasr.nn.routing import Routing


class MoEFeedForward(nn.Module):
    """y = sum over the frame's K experts of w_i E_i(x); padding is neither routed nor counted.

    Args:
        router: Chooses experts and weights for each valid frame.
        experts: The bank that runs them.
    """

    def __init__(self, router: Router, experts: ExpertBank) -> None:
        super().__init__()
        self.router = router
        self.experts = experts

    def no_weight_decay(self) -> list[nn.Parameter]:
        """Return the router's parameters: decay would pull its scores towards ties."""
        return list(self.router.parameters())

    def forward(
        self, x: Tensor, valid_mask: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Routing]:
        """See `moeasr.nn.feed_forward.FeedForward`; padding frames come out as zeros."""
        if valid_mask.all():  # a batch without padding need not be taken apart
            x_ND = x.flatten(0, 1)
            routing = self.router(x_ND, None if context is None else context.flatten(0, 1))
            return self.experts(x_ND, routing).view(x.shape), routing
        x_ND = x[valid_mask]
        routing = self.router(x_ND, None if context is None else context[valid_mask])
        y_ND = self.experts(x_ND, routing)
        y = x.new_zeros(x.shape, dtype=y_ND.dtype)
        y[valid_mask] = y_ND
        return y, routing
