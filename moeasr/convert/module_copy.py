"""Initialisation of a model with modules of a trained model, which may have other units."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from moeasr.config_roles import values_by_key
from moeasr.convert.initialise import check_same
from moeasr.convert.transfer import check_shared
from moeasr.errors import InputError
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model
from moeasr.models.config import ModelConfig
from moeasr.models.heads.attention_head import SOS_EOS
from moeasr.models.shapes_only import shapes_only

SECTIONS = {
    "encoder": ("encoder.", "intermediate_ctc."),
    "embedding": ("embedding.",),
    "ctc": ("encoder.d_model",),
    "decoder": ("encoder.d_model", "decoder."),
    "reverse_decoder": ("encoder.d_model", "decoder."),
}
"""Prefixes of the keys of `model:` that must be equal, by module."""
OTHERS = {"decoder": "decoder.num_reverse_blocks", "reverse_decoder": "decoder.num_blocks"}
"""By module, a key with one of its prefixes that describes another module and may differ."""
FREE = {"experts_per_frame", "router"}
"""Keys of feed-forwards that may differ. No weight depends on the number of experts per frame, and
a model trained with one number can be trained further with several (DLG-MoE, arXiv 2407.18581). A
router may start from the weights of another kind of router if their tensors have the same names and
shapes: the scores of `top_k` are then those of `learned_group` inside each group."""
IGNORED = ".noise_weight"
"""End of the names of tensors that only training uses, so that a model may lack them."""
MAX_SHOWN = 10
"""Maximum number of units in the summary."""


class TrainedModel(NamedTuple):
    """A trained model with its units."""

    path: str
    """Path of the checkpoint, for messages."""
    model: AsrModel
    """The network."""
    units: Sequence[str]
    """Output units; the position of a unit is its id."""


class CopyReport(NamedTuple):
    """The modules and units that were copied from a trained model, and those that are new."""

    copied: list[str]
    """Modules whose weights are copied."""
    new: list[str]
    """Modules that keep their new weights."""
    new_units: list[str] | None
    """Units whose rows in copied modules are new; None if no copied module has rows of units."""
    new_rows: list[str]
    """Paths of the parts of copied modules that contain the rows of new units."""

    def describe(self) -> str:
        """Return the copied modules, the new modules and the new units, for the log."""
        parts = [f"copied {', '.join(self.copied)}"]
        if self.new_units is not None:
            parts.append(f"new units: {_some(self.new_units)}")
        parts.append(f"new modules: {', '.join(self.new) or 'none'}")
        return "; ".join(parts)


def copy_modules(
    source: TrainedModel, target: AsrModel, units: Sequence[str], modules: Sequence[str]
) -> CopyReport:
    """Copy CMVN and modules of a trained model to a new model, which may have other units.

    In tensors with a row for each unit, such as output layers and token embeddings, only the rows
    of units that both models have are copied. Units are compared as text; ids may differ. A module
    that is a part of a copied one is copied with it: with self-conditioning, CTC with the encoder.

    Args:
        source: The trained model.
        target: The new model.
        units: Output units of `target`.
        modules: Names of the modules to copy; empty for all modules that both models have.

    Raises:
        InputError: A model lacks a module, the models differ in the config or the shapes of a
            module, or rows of units would be copied but no unit is common. `target` is then
            unchanged.
    """
    ours, theirs = top_modules(target), top_modules(source.model)
    for name in modules:
        for whose, names in (("the model of the config", ours), (source.path, theirs)):
            if name not in names:
                raise InputError(
                    f"`init.modules` contains `{name}`, but {whose} has only the modules "
                    f"{', '.join(names)}"
                )
    copied = _with_parts(target, [name for name in ours if name in (modules or theirs)])
    for name in copied:
        _check_config(name, source, target)

    places = {unit: place for place, unit in enumerate(source.units)}
    pairs = [(place, places[unit]) for place, unit in enumerate(units) if unit in places]
    dims, state = _unit_dims(target), target.state_dict()
    chosen = [name for name in state if name.partition(".")[0] in ("cmvn", *copied)]
    with_units = {
        module: [name for name in state if name.startswith(f"{module}.") and dims[name] is not None]
        for module in ours
    }
    has_units = any(with_units[name] for name in copied)
    if has_units and not any(place > SOS_EOS for place, _ in pairs):
        without = [name for name in ours if name in theirs and not with_units[name]]
        remedy = f"copy only modules without units: `init.modules: [{', '.join(without)}]`"
        if not without:
            remedy = "all its modules have units, so extend its dictionary: `make_dict --extend`"
        raise InputError(
            f"{source.path} has none of the units of this experiment: its units are "
            f"{_some(source.units[SOS_EOS + 1 :])}, but those of the experiment are "
            f"{_some(units[SOS_EOS + 1 :])}; {remedy}"
        )
    old = source.model.state_dict()
    for name in chosen:
        state[name] = _copied(state[name], old.get(name), dims[name], pairs)
        if state[name] is None:
            raise InputError(f"{source.path} does not fit this model: the tensor {name} differs")
    for name in old:
        is_left_out = name.partition(".")[0] in copied and name not in state
        if is_left_out and not name.endswith(IGNORED):
            raise InputError(
                f"{source.path} has the tensor {name}, which the model of the config lacks; use "
                "the router of the checkpoint"
            )
    check_shared(target, {name: state[name] for name in chosen})
    target.load_state_dict(state)
    new_units = [unit for unit in units if unit not in places] if has_units else None
    new_rows = [_common_module(with_units[name]) for name in copied if with_units[name]]
    new_rows = new_rows if new_units else []
    return CopyReport(copied, [name for name in ours if name not in copied], new_units, new_rows)


def top_modules(model: AsrModel) -> list[str]:
    """Return the names of the modules of a model, such as `encoder`, but not CMVN."""
    return [name for name, _ in model.named_children() if name != "cmvn"]


def _with_parts(model: AsrModel, names: Sequence[str]) -> list[str]:
    """Return the named modules and those whose parameters all belong to them."""
    own = {name: set(model.get_submodule(name).parameters()) for name in top_modules(model)}
    copied = set().union(*(own[name] for name in names))
    return [name for name, parts in own.items() if name in names or parts and parts <= copied]


def _common_module(names: Sequence[str]) -> str:
    """Return the path of the smallest module that contains all of some tensors."""
    parts = zip(*(name.split(".")[:-1] for name in names))
    return ".".join(part[0] for part in itertools.takewhile(lambda p: len(set(p)) == 1, parts))


def _check_config(name: str, source: TrainedModel, target: AsrModel) -> None:
    """Raise `InputError` if the configs of a module differ in what the network computes."""
    theirs, ours = (_values(name, model.config) for model in (source.model, target))
    groups = [_groups(model.config) for model in (source.model, target)]
    if name == "encoder" and all(groups):
        # The names of the groups give them their meaning, so experts would be exchanged silently.
        key = "model.heads.*.labels" if target.config.group_head else "model.languages"
        theirs[key], ours[key] = groups
    remedy = "; use the checkpoint's values, or name other modules in `init.modules`"
    check_same(theirs, ours, source.path, f"`{name}` of this model", remedy)


def _values(name: str, config: ModelConfig) -> dict[str, Any]:
    """Return the values that must be equal in both models for a module to be copied, by key."""
    prefixes = SECTIONS.get(name, ("encoder.d_model", f"heads.{name}."))
    return {
        f"model.{key}": value
        for key, value in values_by_key(config, "identity").items()
        if key.startswith(prefixes) and key != OTHERS.get(name) and FREE.isdisjoint(key.split("."))
    }


def _groups(config: ModelConfig) -> tuple[str, ...]:
    """Return the names of the groups of experts in order; none without groups."""
    head = config.group_head
    if head is None:
        return config.languages
    return (*head.labels, "(blank)") if head.blank_group else head.labels


def _unit_dims(model: AsrModel) -> dict[str, int | None]:
    """Return the dimension of each tensor whose size is the number of units; None if it has none.

    The dimension is the one that differs in a model with one more unit. Comparing sizes with the
    number of units would not suffice, because other sizes may be equal to it.
    """
    num_mel_bins = model.cmvn.mean.numel()
    with shapes_only():
        larger = build_model(model.config, num_mel_bins, model.vocab_size + 1).state_dict()
    dims = {}
    for name, tensor in model.state_dict().items():
        sizes = zip(tensor.shape, larger[name].shape)
        dims[name] = next((dim for dim, (one, other) in enumerate(sizes) if one != other), None)
    return dims


def _copied(
    ours: Tensor, theirs: Tensor | None, unit_dim: int | None, pairs: Sequence[tuple[int, int]]
) -> Tensor | None:
    """Return a tensor of the new model with copied values; None if the shapes do not match.

    Args:
        ours: The new tensor.
        theirs: The trained tensor; None if the trained model has none of this name.
        unit_dim: The dimension with a row for each unit; None if the tensor has none.
        pairs: The ids of each common unit in the new and in the trained model.
    """
    sizes = [list(tensor.shape) for tensor in (ours, theirs) if tensor is not None]
    if unit_dim is not None:
        for shape in sizes:
            shape[unit_dim : unit_dim + 1] = []
    if theirs is None or sizes[0] != sizes[1]:
        return None
    if unit_dim is None:
        return theirs
    new_ids, old_ids = torch.tensor(pairs).unbind(dim=1)
    return ours.index_copy(unit_dim, new_ids, theirs.index_select(unit_dim, old_ids))


def _some(units: Sequence[str]) -> str:
    """Return the first units, for a message."""
    if not units:
        return "none"
    num_more = len(units) - MAX_SHOWN
    return " ".join(units[:MAX_SHOWN]) + (f" and {num_more} more" if num_more > 0 else "")
