"""MoE layers in plain ONNX operators, which compute only the experts of each frame.

The assignments are sorted by expert, each expert runs on its slice of rows, and the order is
restored. Each expert has parameters of its own, because a slice of stacked weights would become an
operator in the file, and the quantiser would not find the weights.
"""

import copy
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.moe.experts import ExpertBank
from moeasr.moe.layer import MoEFeedForward
from moeasr.moe.merged_experts import MergedExperts
from moeasr.nn.feed_forward import Activation
from moeasr.nn.valid_frames import ValidFrames

AnyModel = TypeVar("AnyModel", bound=nn.Module)


class SlicedExperts(nn.Module):
    """A twin of an `MoEFeedForward` that can be exported to ONNX. It returns no routing.

    All frames are routed, padding too, because an operator that selects the valid frames would cost
    more than the experts of a few padding frames.

    Args:
        layer: The trained layer, with which the twin shares its weights.
        experts: Experts that another twin shares with this one; None makes them from the layer.
    """

    def __init__(self, layer: MoEFeedForward, experts: nn.ModuleList | None = None) -> None:
        super().__init__()
        self.router = layer.router
        self.experts = make_experts(layer.experts) if experts is None else experts
        self.shared_expert = layer.shared_expert

    def forward(
        self, x: Tensor, valid: ValidFrames, context: Tensor | None = None
    ) -> tuple[Tensor, None]:
        """Compute the layer, see `moeasr.nn.feed_forward.FeedForward`."""
        x_ND = x.flatten(0, 1)
        context_NC = None if context is None else context.flatten(0, 1)
        routing = self.router.route(x_ND, ValidFrames(valid.mask, None), context_NC)
        ids_R = routing.expert_ids.flatten()
        num_choices = routing.expert_ids.size(1)
        order_R = ids_R.argsort()
        rows_RD = x_ND.index_select(0, order_R // num_choices)
        experts_E = torch.arange(len(self.experts), device=x.device)
        ends_E = (ids_R[:, None] <= experts_E).sum(dim=0)
        outputs, start = [], 0
        for expert, bank in enumerate(self.experts):
            end = ends_E[expert].item()
            torch._check(end >= start)
            torch._check(end <= rows_RD.size(0))
            outputs.append(bank(rows_RD[start:end]))
            start = end
        back_R = order_R.argsort()
        out_NKD = torch.cat(outputs).index_select(0, back_R).unflatten(0, (-1, num_choices))
        y_ND = (out_NKD * routing.expert_weights[..., None]).sum(dim=1)
        if self.shared_expert is not None:
            y_ND = y_ND + self.shared_expert(x_ND, valid)[0]
        return y_ND.view(x.shape), None


class _Expert(nn.Module):
    """One expert, whose weights are slices of those of a bank."""

    def __init__(self, weights: tuple[Tensor, ...], activation: Activation) -> None:
        super().__init__()
        w1, b1, w2, b2 = (nn.Parameter(weight.detach()) for weight in weights)
        self.w1, self.b1, self.w2, self.b2 = w1, b1, w2, b2
        self._activation = activation

    def forward(self, x_RD: Tensor) -> Tensor:
        """Run the expert on its rows, (R, D) -> (R, D)."""
        return F.linear(self._activation(F.linear(x_RD, self.w1, self.b1)), self.w2, self.b2)


def make_experts(bank: ExpertBank) -> nn.ModuleList:
    """Return the experts of a bank as modules."""
    return nn.ModuleList(_Expert(weights, bank.activation) for weights in bank.weights())


def slice_experts(model: AnyModel) -> AnyModel:
    """Return a copy of a model, with the same weights and with twins in place of its MoE layers.

    Layers whose experts are merged consist of plain operators already.
    A copy of the weights would take gigabytes for a large model. Layers may share experts.
    """
    tensors = (*model.parameters(), *model.buffers())
    model = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})
    banks: dict[nn.Module, nn.ModuleList] = {}
    twins: dict[nn.Module, SlicedExperts] = {}
    for module in list(model.modules()):
        for name, child in module.named_children():
            merges = isinstance(child, MoEFeedForward) and isinstance(child.experts, MergedExperts)
            if isinstance(child, MoEFeedForward) and not merges:
                if child not in twins:
                    twins[child] = SlicedExperts(child, banks.get(child.experts))
                    banks[child.experts] = twins[child].experts
                setattr(module, name, twins[child])
    return model
