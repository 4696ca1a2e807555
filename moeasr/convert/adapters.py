"""Adapters: few weights that are trained while a trained model stays as it is.

The `adapter:` section of an experiment selects one of `ADAPTERS`. A model with `lora` is merged
when its checkpoints are averaged, and is then a model like the one that it started from.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import nn

from moeasr.config import OneOfTypes
from moeasr.errors import InputError
from moeasr.families import did_you_mean
from moeasr.logs import get_logger
from moeasr.low_rank import add_update
from moeasr.models.asr import AsrModel
from moeasr.moe.experts import ExpertBank
from moeasr.nn.attention import MultiHeadAttention, RelPositionAttention
from moeasr.nn.feed_forward import DenseFeedForward
from moeasr.ranges import check_size

logger = get_logger(__name__)

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
    """Modules of the model that are trained as well, such as [ctc]."""

    def attach(self, model: AsrModel) -> None:
        """Freeze a trained model, except for its adapters and the modules in `also_train`.

        Raises:
            InputError: The model has no layer for this adapter, or no module of a given name.
        """
        modules = [_module(model, name) for name in self.also_train]
        model.requires_grad_(False)
        self.add_to(model)
        for module in modules:
            module.requires_grad_(True)
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        total = sum(p.numel() for p in model.parameters())
        logger.info("adapter `%s`: %d of %d parameters are trained", self.type, trained, total)

    def add_to(self, model: AsrModel) -> None:
        """Add the adapters to a frozen model, or select weights of the model as adapters.

        Raises:
            InputError: The model has no layer for this adapter.
        """
        raise NotImplementedError


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

    def add_to(self, model: AsrModel) -> None:
        """Add the updates, see `AdapterConfig.add_to`."""
        places = []
        for kind in dict.fromkeys(self.modules):
            layers = [module for module in model.modules() if isinstance(module, LAYERS[kind])]
            if not layers:
                raise InputError(f"`adapter.modules` names {kind}, but the model has no such layer")
            places += [place for layer in layers for place in _weights(layer)]
        for module, name in places:
            smallest = min(getattr(module, name).shape[-2:])
            if self.rank > smallest:
                raise InputError(
                    f"`adapter.rank` is {self.rank}, but must be at most {smallest}, the smallest "
                    "width of a layer with an update"
                )
        for module, name in places:
            add_update(module, name, self.rank, self.alpha)


@dataclass(frozen=True, kw_only=True)
class ExpertAdapterConfig(AdapterConfig):
    """The routed experts and their routers, beside shared experts or dense layers that stay.

    With `shared_expert_units` and `init.dense`, new experts are added to a trained dense model, and
    their outputs are 0 at first. See `moeasr.convert.upcycling`.
    """

    type: Literal["experts"] = "experts"

    def add_to(self, model: AsrModel) -> None:
        """Select experts and routers, see `AdapterConfig.add_to`."""
        layers = model.moe_layers().values()
        if not layers:
            raise InputError(
                "`adapter.type: experts` trains experts, but the model has none; set `type: moe` "
                "and `shared_expert_units` in a feed-forward of `model`"
            )
        for layer in layers:
            layer.experts.requires_grad_(True)
            layer.router.requires_grad_(True)


ADAPTERS: dict[str, type[AdapterConfig]] = {"lora": LoraConfig, "experts": ExpertAdapterConfig}

AnyAdapter = Annotated[AdapterConfig, OneOfTypes(ADAPTERS, AdapterConfig)]
"""The type of the `adapter:` section."""


def _weights(layer: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield the matrices of a layer, each as a module and the name of a parameter of the module."""
    if isinstance(layer, ExpertBank):
        yield from ((layer, "w1"), (layer, "w2"))
    else:
        yield from ((m, "weight") for m in layer.children() if isinstance(m, nn.Linear))


def _module(model: nn.Module, name: str) -> nn.Module:
    """Return a module of a model by its name, such as `encoder.blocks.0`."""
    modules = dict(model.named_modules())
    if not name or name not in modules:
        children = [child for child, _ in model.named_children()]
        raise InputError(
            f"`adapter.also_train`: the model has no module '{name}'"
            f"{did_you_mean(name, children) or ';'} it has {', '.join(children)}"
        )
    return modules[name]
