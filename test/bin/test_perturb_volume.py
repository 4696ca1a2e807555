"""The `perturb-volume` command, which changes the volume of audio in a pipe."""

from pipes import SAMPLES, pcm_of

import numpy as np
import pytest

from moeasr.bin.perturb_volume import main


@pytest.mark.parametrize("factor", ["1", "-1", "2", "0.25"])
def test_samples_are_scaled_rounded_and_clipped_to_16_bits(tmp_path, capfdbinary, factor):
    """Full scale is 32768, so that factor 1 keeps the samples."""
    expected = np.clip(np.rint(float(factor) * SAMPLES), -32768, 32767)
    assert pcm_of(main, factor, tmp_path, capfdbinary) == expected.tolist()
