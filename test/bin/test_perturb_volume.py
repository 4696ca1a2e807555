"""perturb_volume: louder or softer audio in a pipe."""

from pipes import SAMPLES, pcm_of

import numpy as np
import pytest

from moeasr.bin.perturb_volume import main


@pytest.mark.parametrize("factor", ["1", "-1", "2", "0.25"])
def test_16_bits_are_scaled_rounded_and_cut_off(tmp_path, capfdbinary, factor):
    """Full scale is 32768: what is not changed stays bit for bit."""
    expected = np.clip(np.rint(float(factor) * SAMPLES), -32768, 32767)
    assert pcm_of(main, factor, tmp_path, capfdbinary) == expected.tolist()
