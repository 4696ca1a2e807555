"""The memory of activations: the tensors that a training step keeps for its backward pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.models.asr import AsrModel
from moeasr.moe.router import Router


class BatchShape(NamedTuple):
    """The size of a batch of utterances of equal length."""

    num_utts: int
    """Number of utterances."""
    num_frames: int
    """Number T of feature frames of each utterance."""
    num_tokens: int
    """Number U of tokens of each utterance."""
    num_views: int = 1
    """Number of views of each utterance, see `moeasr.data.batch.Batch`."""


@dataclass
class Activations:
    """The bytes that a forward pass keeps for the backward pass, without parameters and buffers.

    Attributes:
        outside: Bytes that are kept outside of the blocks.
        within: Bytes that each block keeps.
        inputs: Bytes of the inputs of all blocks, which are all that is kept of blocks whose
            activations are computed again.
    """

    outside: float = 0
    within: dict[nn.Module, float] = field(default_factory=dict)
    inputs: float = 0

    @property
    def total(self) -> float:
        """The bytes of the whole model."""
        return self.outside + sum(self.within.values())

    @property
    def recomputed(self) -> float:
        """The bytes if the backward pass computes the activations of one block after another.

        The largest block counts twice, for its activations and for their gradients.
        """
        return self.outside + self.inputs + 2 * max(self.within.values(), default=0)


def use_most_experts(model: nn.Module) -> None:
    """Let training steps of a model need the most memory that they may need.

    Each step then uses the largest number of experts per frame, instead of drawing a number.
    """
    for module in model.modules():
        if isinstance(module, Router):
            module.use_most_experts()


def plan_activations(
    model: AsrModel, shape: BatchShape, blocks: Sequence[nn.Module] = (), lower: bool = False
) -> Activations:
    """Return the activations of a batch, from forward passes of one and of two utterances.

    Activations are a constant part, such as weights in another precision, and a part for each
    utterance. Both follow from two passes, so that a large batch needs no large memory here.

    Args:
        model: A model on the CPU, in training mode, such as `without_memory` returns.
        shape: The batch.
        blocks: The blocks of the model.
        lower: True for bfloat16 products by autocast, False for float32.
    """
    one, two = (
        measure_activations(model, shape._replace(num_utts=num), blocks, lower) for num in (1, 2)
    )

    def at_size(first: float, second: float) -> float:
        return first + (shape.num_utts - 1) * (second - first)

    return Activations(
        at_size(one.outside, two.outside),
        {block: at_size(one.within[block], two.within[block]) for block in one.within},
        at_size(one.inputs, two.inputs),
    )


def measure_activations(
    model: AsrModel, shape: BatchShape, blocks: Sequence[nn.Module] = (), lower: bool = False
) -> Activations:
    """Run the forward pass of a batch and return the activations that it keeps.

    The arguments are those of `plan_activations`.
    """
    record = _Record(model, blocks)
    handles = [block.register_forward_pre_hook(record.enter) for block in record.found.within]
    handles += [block.register_forward_hook(record.leave) for block in record.found.within]
    inputs = inputs_of(model, shape)
    autocast = torch.autocast("cpu", torch.bfloat16, enabled=lower)
    try:
        # the loss holds the kept tensors, so that no memory is used twice while it exists
        with autocast, torch.autograd.graph.saved_tensors_hooks(record.keep, _unchanged):
            loss = model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    del loss
    return record.found


def inputs_of(model: AsrModel, shape: BatchShape) -> tuple[Tensor | int | None, ...]:
    """Return the arguments of a forward pass: features of zeros and any transcripts."""
    num_rows = shape.num_utts * shape.num_views
    tokens = 3 + torch.arange(shape.num_tokens).remainder(model.vocab_size - 3)
    lens, tokens_lens = (torch.full((num_rows,), length) for length in shape[1:3])
    languages = torch.zeros(num_rows, dtype=torch.int64) if model.languages else None
    feats = torch.zeros(num_rows, shape.num_frames, model.cmvn.mean.numel())
    return feats, lens, tokens.expand(num_rows, -1), tokens_lens, languages, shape.num_views


def without_memory(model: AsrModel) -> AsrModel:
    """Return a model on the meta device as one of zeros on the CPU, which hardly takes memory.

    The system gives memory to a page of zeros only when something is written to it.
    """
    named = model.state_dict(keep_vars=True)
    zeros = {value: torch.zeros(value.shape, dtype=value.dtype) for value in named.values()}
    state = {name: zeros[value] for name, value in named.items()}
    model.to_empty(device="cpu")
    model.load_state_dict(state, assign=True)
    for buffer in model.buffers():
        buffer.zero_()
    return model


class _Record:
    """A record of the memory that a forward pass keeps, by block."""

    def __init__(self, model: nn.Module, blocks: Sequence[nn.Module]) -> None:
        tensors = [*model.parameters(), *model.buffers()]
        self._seen = {tensor.untyped_storage().data_ptr() for tensor in tensors}
        self._block: nn.Module | None = None
        self.found = Activations(within=dict.fromkeys(blocks, 0))

    def keep(self, tensor: Tensor) -> Tensor:
        """Count a tensor that is kept, unless its memory has been counted already."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            if self._block is None:
                self.found.outside += storage.nbytes()
            else:
                self.found.within[self._block] += storage.nbytes()
        return tensor

    def enter(self, block: nn.Module, inputs: tuple[object, ...]) -> None:
        """Note the block that runs from now on, and count its differentiable inputs."""
        self._block = block
        tensors = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
        self.found.inputs += sum(tensor.numel() * tensor.element_size() for tensor in tensors)

    def leave(self, block: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        """Note that a block has ended."""
        self._block = None


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor
