"""Random number generators of Python, NumPy and PyTorch: seeding, saving and restoring them."""

import random
from typing import Any

import numpy as np
import torch


def seed_all(seed: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch (CPU and every GPU)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def generator_states() -> dict[str, Any]:
    """Return the state of every generator that this process uses, in types for a checkpoint.

    Of several GPUs, it is the one of this process, so that a training may resume on machines with
    other numbers of GPUs.
    """
    numpy_state = np.random.get_state(legacy=False)
    version, internal, gauss = random.getstate()
    return {
        "python": [version, list(internal), gauss],
        "numpy": {
            "key": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
            "pos": int(numpy_state["state"]["pos"]),
            "has_gauss": int(numpy_state["has_gauss"]),
            "gauss": float(numpy_state["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else [],
    }


def restore_generators(states: dict[str, Any]) -> None:
    """Restore every generator to the state that `generator_states` returned.

    The state of a GPU's generator is that of the present GPU now, whichever it was before. Files of
    earlier versions contain the states of all GPUs.
    """
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    saved = states["numpy"]
    np.random.set_state(
        (
            "MT19937",
            saved["key"].numpy().astype(np.uint32),
            saved["pos"],
            saved["has_gauss"],
            saved["gauss"],
        )
    )
    torch.set_rng_state(states["torch"])
    of_gpus = states["cuda"]
    if of_gpus and torch.cuda.is_available():
        number = torch.cuda.current_device()
        torch.cuda.set_rng_state(of_gpus[number if number < len(of_gpus) else 0])
