"""Settings all tests share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread_and_a_fixed_seed():
    """Tests run beside each other: one thread each, and the same numbers every time."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
