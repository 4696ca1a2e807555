"""Training with the parameters, gradients and optimizer state divided among the processes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor

from moeasr import distributed
from moeasr.errors import InputError
from moeasr.train.blocks import find_units
from moeasr.train.replication import InputT, OutputT, Replication


class _Root(nn.Module):
    """The root of the sharded units. All functions that use the model run in its forward pass."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[InputT], OutputT], value: InputT) -> OutputT:
        """Call a function that uses the model."""
        return function(value)


class Sharding(Replication):
    """A model whose parameters are divided among the processes (FSDP2, `fully_shard`).

    The parameters of a unit are gathered when it runs, see `moeasr.train.blocks.find_units`. The
    backward pass sums its gradients, and each process keeps its part of the sum. Therefore, all
    processes must run the same units equally often. A bad micro-batch also runs, but with gradients
    of 0.

    Args:
        model: The model, already on its device. Its parameters are replaced by sharded ones.
        precision: `bf16` gathers the modules with `casts_weights` in bfloat16.
        device: The device of the model.

    Raises:
        InputError: There is only one process.
    """

    keeps_average = True

    def __init__(self, model: nn.Module, precision: str, device: torch.device) -> None:
        if distributed.world_size() == 1:
            raise InputError(
                "`train.parallel: shard` divides the model among several processes, but this is "
                "the only one; start more (run.sh --nproc or --ngpu), or use `replicate`"
            )
        super().__init__(model)
        mesh = init_device_mesh(device.type, (distributed.world_size(),))
        exact = MixedPrecisionPolicy(cast_forward_inputs=False)
        lower = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
        for unit in find_units(model):
            casts = precision == "bf16" and getattr(unit, "casts_weights", False)
            fully_shard(unit, mesh=mesh, mp_policy=lower if casts else exact)
        self._root = fully_shard(_Root(model), mesh=mesh, mp_policy=exact)
        self._units = [m for m in self._root.modules() if isinstance(m, FSDPModule)]
        for unit in self._units:
            # The sum over utterances is divided once, by their number in all processes.
            unit.set_force_sum_reduction_for_comms(True)
            unit.set_gradient_divide_factor(1.0)
        self._counts = True
        self._watch_gradients()

    def _watch_gradients(self) -> None:
        """Let every gradient be 0 while a micro-batch does not count.

        A weight of 0 on the loss would not suffice, because 0 times infinity is not 0.
        """

        def gate(gradient: Tensor) -> Tensor:
            return gradient if self._counts else torch.zeros_like(gradient)

        with self.whole_model():
            for parameter in self._model.parameters():
                if parameter.requires_grad:
                    parameter.register_hook(gate)

    def run(self, function: Callable[[InputT], OutputT], value: InputT) -> OutputT:
        """Call a function that uses the model; see `Replication.run`."""
        return self._root(function, value)

    def backward(self, loss: Tensor, counts: bool, is_last: bool) -> None:
        """Add the gradient of a micro-batch, or zeros if it does not count."""
        self._counts = counts
        loss.backward()

    def sum_gradients(self, weight: Tensor) -> Tensor:
        """Return the number of utterances of all processes, whose gradients are already summed."""
        return distributed.sum_over_ranks(weight)

    @contextmanager
    def whole_model(self) -> Iterator[None]:
        """Gather all parameters in every process, which can then run the model independently.

        The processes may run it unequally often, because nothing is communicated. Each process
        needs memory for all parameters of the model.
        """
        self._root(_nothing, None)  # the root must run before any other unit
        for unit in self._units:
            unit.unshard()
        self._root.set_reshard_after_forward(False)
        try:
            yield
        finally:
            for unit in self._units:
                unit.set_reshard_after_forward(unit is not self._root, recurse=False)
                unit.reshard()

    def state(self) -> dict[str, Tensor]:
        """Return the state of the model; a shared parameter is the same object under each name."""
        return self._model.state_dict(keep_vars=True)

    def whole(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Gather the tensors of a state on the CPU of the first process; all processes call it."""
        whole: dict[int, Any] = {}
        for value in state.values():
            if id(value) not in whole:
                is_part = isinstance(value, DTensor)
                tensor = value.detach().full_tensor() if is_part else value.detach()
                whole[id(value)] = tensor.cpu() if distributed.is_main() else None
        return {name: whole[id(value)] for name, value in state.items()}


def _nothing(value: None) -> None:
    """Do nothing."""
