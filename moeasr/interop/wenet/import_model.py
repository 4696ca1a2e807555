"""Import of a WeNet model directory: the model, its tokenizer and its feature settings."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from moeasr.errors import InputError
from moeasr.features.cmvn import CmvnStats
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.settings import WenetSettings, read_settings
from moeasr.interop.wenet.units import read_units, reorder
from moeasr.interop.wenet.weights import CMVN, to_ours
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.models.build import build_model
from moeasr.plurals import counted
from moeasr.text.tokenizer import Tokenizer

MIN_VARIANCE = 1e-20  # lower bound of WeNet's variances


class Imported(NamedTuple):
    """The parts of an imported model, from which a checkpoint is written."""

    model: AsrModel
    """Model in eval mode."""
    tokenizer: Tokenizer
    """Tokenizer with the model's units."""
    fbank: FbankConfig
    """Feature settings."""


def read_wenet(
    model_dir: str | Path, checkpoint: str = "final.pt", bpe_model: str | Path | None = None
) -> Imported:
    """Read the directory of a model that WeNet has trained.

    Args:
        model_dir: A directory with train.yaml, units.txt and the weights, and with global_cmvn
            unless the weights include it.
        checkpoint: Name of the file with the weights: final.pt, avg_5.pt, epoch_12.pt.
        bpe_model: Path of the sentencepiece model, which WeNet 2 stores elsewhere; see
            `read_units`.

    Raises:
        InputError: A file is missing or cannot be read, a component of the model is not supported,
            or weights are missing or unknown.
    """
    model_dir = Path(model_dir)
    if not model_dir.is_dir():
        raise InputError(f"WeNet model directory {model_dir} does not exist")
    for name in ("train.yaml", checkpoint):
        if not (model_dir / name).is_file():
            raise InputError(f"{model_dir / name} does not exist{_dangling(model_dir / name)}")
    settings = read_settings(model_dir / "train.yaml")
    units = read_units(model_dir, settings.units, None if bpe_model is None else Path(bpe_model))
    path = model_dir / checkpoint
    state = _with_cmvn(_load_state(path), settings, model_dir)
    try:
        model = build_model(settings.model, settings.fbank.num_mel_bins, settings.units.vocab_size)
    except InputError as error:
        raise InputError(f"{model_dir}/train.yaml: {error}") from None
    hard = [name for name, layer in model.moe_layers().items() if not layer.router.has_gradient]
    if hard:
        get_logger(__name__).warning(
            "%s: `n_expert_activated: 1` gives each selected expert the weight 1 and %s no "
            "gradient. The model decodes as in WeNet, but training cannot improve its routers",
            model_dir,
            counted(len(hard), "router"),
        )
    ours = to_ours(state, settings, model.state_dict(), str(path))
    model.load_state_dict(reorder(ours, units.order))
    return Imported(model.eval(), units.tokenizer, settings.fbank)


def _dangling(path: Path) -> str:
    """Return an explanation if `path` is a broken link, as WeNet may leave for final.pt."""
    if not path.is_symlink():
        return ""
    found = ", ".join(sorted(other.name for other in path.parent.glob("*.pt") if other.is_file()))
    choices = f"use --checkpoint with {found}" if found else "the directory contains no weights"
    return f": it is a link to {path.readlink()}; {choices}"


def _load_state(path: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the type of error depends on where the file was cut
        raise InputError(
            f"{path} cannot be read as WeNet weights: it is truncated, was not written by "
            "torch.save, or contains more than tensors"
        ) from error
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in state.items()
    ):
        raise InputError(f"{path} is not a WeNet state_dict, which must map names to tensors")
    return state


def _with_cmvn(
    state: dict[str, Tensor], settings: WenetSettings, model_dir: Path
) -> dict[str, Tensor]:
    """Return the weights with CMVN, read from its own file if the weights do not include it."""
    names = list(CMVN.values())
    if settings.cmvn is None or all(name in state for name in names):
        return state
    path = model_dir / settings.cmvn.file
    if not settings.cmvn.is_json:
        raise InputError(f"{path}: only CMVN in JSON format can be read, not in Kaldi's format")
    stats = CmvnStats.load(path)
    if stats.frame_num < 1:
        raise InputError(f"{path} contains statistics of 0 frames")
    mean = stats.mean_stat / stats.frame_num
    variance = (stats.var_stat / stats.frame_num - mean.square()).clamp(min=MIN_VARIANCE)
    return {**state, names[0]: mean.float(), names[1]: variance.rsqrt().float()}
