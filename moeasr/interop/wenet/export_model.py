"""Export of a model to a directory that WeNet can load, if WeNet supports all its components."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from moeasr.atomic import temporary_directory
from moeasr.errors import InputError, os_error_behind
from moeasr.features.fbank_config import FbankConfig
from moeasr.interop.wenet.faults import fbank_faults, model_faults
from moeasr.interop.wenet.train_yaml import train_yaml
from moeasr.interop.wenet.units import check_non_lang_syms, units_wenet_never_makes
from moeasr.interop.wenet.weights import to_theirs
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.strict_json import to_json
from moeasr.text.dictionary import write_units
from moeasr.text.tokenizer import Tokenizer
from moeasr.yaml_text import dump_yaml

WENET_CLI_RATE_HZ = 16000  # fixed sample rate of `wenet.cli`, which ignores that of train.yaml


def write_wenet(
    out_dir: str | Path, model: AsrModel, tokenizer: Tokenizer, fbank: FbankConfig
) -> None:
    """Write train.yaml, final.pt, units.txt, global_cmvn and the other files of the tokenizer.

    The directory appears only once it is complete.

    Args:
        out_dir: Directory to create; if it exists, it must be empty.
        model: The trained model.
        tokenizer: Tokenizer of the model.
        fbank: Feature settings of the model.

    Raises:
        InputError: WeNet does not support a component of the model (the message names all of them),
            or the directory is not empty or cannot be written.
    """
    faults = [*model_faults(model.config), *fbank_faults(fbank)]
    if faults:
        raise InputError("WeNet cannot express this model: " + "; ".join(faults))
    check_non_lang_syms(tokenizer)
    for warning in _warnings(tokenizer, fbank):
        get_logger(__name__).warning("%s", warning)
    out_dir = Path(out_dir)
    if out_dir.exists() and (not out_dir.is_dir() or any(out_dir.iterdir())):
        raise InputError(f"{out_dir} already exists and is not empty; choose another directory")
    try:
        with temporary_directory(out_dir.parent, out_dir.name) as temporary:
            _write_units(temporary, tokenizer)
            cmvn = _cmvn_stats(model.cmvn.mean, model.cmvn.istd)
            (temporary / "global_cmvn").write_text(to_json(cmvn) + "\n", encoding="utf-8")
            with open(temporary / "final.pt", "wb") as handle:
                torch.save(to_theirs(model), handle)
            settings = train_yaml(out_dir, model.config, tokenizer, fbank)
            (temporary / "train.yaml").write_text(dump_yaml(settings), encoding="utf-8")
            temporary.replace(out_dir)
    except (OSError, RuntimeError) as error:  # RuntimeError comes from torch's writer
        cause = os_error_behind(error)
        if cause is None:
            raise
        raise InputError(f"cannot write {out_dir}: {cause.strerror}") from error


def _warnings(tokenizer: Tokenizer, fbank: FbankConfig) -> list[str]:
    """Return warnings about settings that some of WeNet's programs ignore."""
    warnings = []
    lost = units_wenet_never_makes(tokenizer)
    if lost:
        warnings.append(
            f"WeNet never splits text into {len(lost)} of the units, such as '{lost[0]}', because "
            "it converts text to capitals and separates Chinese characters. It decodes this model "
            "like moeasr, but cannot train, align or boost phrases with these units"
        )
    if fbank.sample_rate_hz != WENET_CLI_RATE_HZ:
        warnings.append(
            f"the model expects {fbank.sample_rate_hz} Hz, but WeNet's command `wenet` resamples "
            f"all audio to {WENET_CLI_RATE_HZ} Hz; decode with WeNet's wenet/bin/recognize.py, "
            "which uses the rate in train.yaml"
        )
    if fbank.dither > 0:
        warnings.append(
            f"`dither` is {fbank.dither:g}, and WeNet's command `wenet` also adds this noise when "
            "it decodes; set `dataset_conf.fbank_conf.dither` to 0 in train.yaml to prevent this"
        )
    return warnings


def _write_units(directory: Path, tokenizer: Tokenizer) -> None:
    write_units(directory / "units.txt", tokenizer.units)
    bpe_model = tokenizer.state()["bpe_model"]
    if bpe_model is not None:
        (directory / "bpe.model").write_bytes(bpe_model)
    if tokenizer.config.non_lang_syms:
        lines = "".join(f"{symbol}\n" for symbol in tokenizer.config.non_lang_syms)
        (directory / "non_lang_syms.txt").write_text(lines, encoding="utf-8")


def _cmvn_stats(mean: Tensor, istd: Tensor) -> dict[str, Any]:
    """Return CMVN statistics of one frame that give this mean and deviation, except for rounding.

    final.pt contains the exact values.
    """
    mean, istd = mean.double(), istd.double()
    return {
        "mean_stat": mean.tolist(),
        "var_stat": (istd.pow(-2) + mean.square()).tolist(),
        "frame_num": 1,
    }
