"""The model folder that the tests share."""

import pytest
from torch_folder import exp_dir, folder, of_checkpoint, sound

__all__ = ["exp_dir", "folder", "of_checkpoint", "sound"]


@pytest.fixture(autouse=True)
def _never_hangs(fails_rather_than_hangs):
    """End a test that waits for ever."""
