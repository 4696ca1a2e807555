"""Adapters: few weights that are trained while a trained model stays as it is.

The `adapter:` section of an experiment selects one of `ADAPTERS`. A model with `lora` is merged
when its checkpoints are averaged, and is then a model like the one that it started from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import nn

from moeasr.config import OneOfTypes
from moeasr.errors import InputError, not_defined
from moeasr.low_rank import add_update
from moeasr.module_names import find_parameters, name_frozen
from moeasr.moe.experts import ExpertBank
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.feed_forward import DenseFeedForward
from moeasr.ranges import check_size

Kind = Literal["attention", "feed_forward"]
LAYERS: dict[Kind, tuple[type[nn.Module], ...]] = {
    "attention": (MultiHeadAttention, RelPositionAttention),
    "feed_forward": (DenseFeedForward, ExpertBank),
}
"""Classes of the layers of each kind. Feed-forwards include experts, but not routers."""


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """An `adapter:` section. The subclass for each `type` chooses what is trained."""

    type: str
    """A name in `ADAPTERS`, or the import path of a subclass of this class."""
    also_train: tuple[str, ...] = ()
    """Modules of the model that are trained as well, such as [ctc]. Names are those of
    `train.freeze.modules`."""

    def attach(self, model: nn.Module, new: Iterable[str] = ()) -> None:
        """Freeze a trained model, except for its adapters and the modules in `also_train`.

        Args:
            model: The model.
            new: Modules with weights that are not trained yet, which must be in `also_train`.

        Raises:
            InputError: The model has no layer for this adapter or no module of a given name, or new
                weights would be frozen.
        """
        also = find_parameters(model, self.also_train, "adapter.also_train")
        model.requires_grad_(False)
        self.add_to(model)
        for parameter in also:
            parameter.requires_grad_(True)
        frozen = {parameter for parameter in model.parameters() if not parameter.requires_grad}
        if names := name_frozen(model, new, frozen):
            raise InputError(
                f"`adapter` would freeze new weights in {names}; name the modules in "
                '`adapter.also_train`, such as [ctc, "*.router"]'
            )

    def add_to(self, model: nn.Module) -> None:
        """Add the adapters to a frozen model.

        Raises:
            InputError: The model has no layer for this adapter.
        """
        raise not_defined(type(self), "add_to")


@dataclass(frozen=True, kw_only=True)
class LoraConfig(AdapterConfig):
    """Low-rank updates of the weights of attention and of feed-forwards, arXiv 2106.09685."""

    type: Literal["lora"] = "lora"
    rank: int = 8
    """Rank of the updates."""
    alpha: float = 16.0
    """Factor on the updates, divided by the rank."""
    modules: tuple[Kind, ...] = ("attention", "feed_forward")
    """Layers with updates. `feed_forward` includes every expert, each with an update of its own."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_size("rank", self.rank)
        if not 0 < self.alpha < float("inf"):
            raise InputError(f"`alpha` must be positive, but is {self.alpha}")
        if not self.modules:
            raise InputError(f"`modules` must name at least one of {', '.join(LAYERS)}")

    def add_to(self, model: nn.Module) -> None:
        """Add the updates, see `AdapterConfig.add_to`."""
        places = []
        for kind in dict.fromkeys(self.modules):
            layers = [module for module in model.modules() if isinstance(module, LAYERS[kind])]
            if not layers:
                raise InputError(f"`adapter.modules` names {kind}, but the model has no such layer")
            places += [place for layer in layers for place in _weights(layer)]
        smallest = min(min(getattr(module, name).shape[-2:]) for module, name in places)
        if self.rank > smallest:
            raise InputError(
                f"`adapter.rank` is {self.rank}, but must be at most {smallest}, the "
                "smallest width of a layer with an update"
            )
        for module, name in places:
            add_update(module, name, self.rank, self.alpha)


ADAPTERS: dict[str, type[AdapterConfig]] = {"lora": LoraConfig}

AnyAdapter = Annotated[AdapterConfig, OneOfTypes(ADAPTERS, AdapterConfig)]
"""The type of the `adapter:` section."""


def _weights(layer: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield the matrices of a layer, each as a module and the name of a parameter of the module."""
    if isinstance(layer, ExpertBank):
        yield from ((layer, "w1"), (layer, "w2"))
    else:
        yield from ((m, "weight") for m in layer.children() if isinstance(m, nn.Linear))
