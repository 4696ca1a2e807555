"""Plots of one utterance: the attention of the decoder, and the experts of every frame."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import AttentionHead
from moeasr.models.teacher_forced import Inputs, run_teacher_forced
from moeasr.nn.attention import MultiHeadAttention, split
from moeasr.nn.routing import Routing
from moeasr.report.heat_map import layer_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def utterance_figures(
    model: AsrModel, inputs: Inputs, units: Sequence[str], name: str
) -> "dict[str, Figure]":
    """Return the plots of an utterance by their kinds.

    - `attention`: weights of the cross-attention in the last block of the left-to-right decoder,
      averaged over heads. The decoder reads the transcript. This plot requires an attention head.
    - `experts`: the first expert of each encoder frame, layer by layer. This plot requires experts.

    Args:
        model: The model, in evaluation mode.
        inputs: One utterance.
        units: The units of its transcript, for the axis.
        name: Title of the plots.
    """
    weights, routings = attend(model, inputs)
    figures = {}
    if weights is not None:
        figures["attention"] = _attention_figure(weights, [*units, "<eos>"], name)
    frames = {path: r for path, r in routings.items() if path.startswith("encoder.")}
    if frames:
        figures["experts"] = _expert_figure(frames, name)
    return figures


def attend(model: AsrModel, inputs: Inputs) -> tuple[Tensor | None, dict[str, Routing]]:
    """Run the encoder on the features of one utterance, and the decoders on its transcript.

    Returns:
        The (U + 1, T') cross-attention weights of the last block of the left-to-right decoder,
        averaged over heads (None if the model has no attention head), and the routings by their
        paths.
    """
    head = model.all_heads.get("attention")
    if not isinstance(head, AttentionHead):
        return None, run_teacher_forced(model, inputs).routings
    module = head.decoder.blocks[-1].cross_attention
    calls: list[tuple] = []
    hook = module.register_forward_hook(lambda module, args, output: calls.append(args))
    try:
        routings = run_teacher_forced(model, inputs).routings
    finally:
        hook.remove()
    x, memory, mask = calls[0]
    return _weights(module, x, memory.keys, mask).mean(dim=1)[0], routings


@torch.inference_mode()
def _weights(attention: MultiHeadAttention, x: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """Return the (B, H, Tq, Tk) attention weights, which the fused kernel does not return."""
    query = split(attention.query(x), attention.num_heads)
    scores = query @ split(keys, attention.num_heads).transpose(2, 3) / query.size(-1) ** 0.5
    return scores.masked_fill(~mask[:, None], -torch.inf).softmax(dim=-1)


def _attention_figure(weights: Tensor, units: Sequence[str], title: str) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, min(2.0 + 0.16 * len(units), 16.0)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(weights.float().cpu().numpy(), aspect="auto", interpolation="nearest", cmap="Blues")
    axes.set_yticks(range(len(units)), units, fontsize=7)
    axes.set_xlabel("encoder frame")
    axes.set_ylabel("unit that the decoder predicts")
    axes.set_title(f"{title}: cross-attention", fontsize=10)
    return figure


def _expert_figure(routings: Mapping[str, Routing], title: str) -> "Figure":
    from matplotlib.figure import Figure

    first = {path: routing.first_experts().cpu() for path, routing in routings.items()}
    num_frames = max(len(ids) for ids in first.values())
    grid = torch.full((len(first), num_frames), torch.nan)
    for row, ids in enumerate(first.values()):
        grid[row, : len(ids)] = ids.float()
    num_experts = max(routing.num_experts for routing in routings.values())
    figure = Figure(figsize=(8.0, max(2.6, 1.4 + 0.24 * len(first))), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        grid.numpy(),
        aspect="auto",
        interpolation="nearest",
        cmap="turbo",
        vmin=0,
        vmax=max(num_experts - 1, 1),
    )
    axes.set_yticks(range(len(first)), [layer_label(path) for path in first], fontsize=8)
    axes.set_xlabel("encoder frame")
    axes.set_title(f"{title}: first expert of each frame", fontsize=10)
    figure.colorbar(image, ax=axes, label="expert")
    return figure
