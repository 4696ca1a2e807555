"""The network of batches; test_exported_folder.py compares it with that of single streams."""

import numpy as np

from moeasr.deploy.batch_network import QUIETEST, BatchNetwork
from moeasr.deploy.native_fbank import FLOOR


def test_chunks_with_a_quiet_frame_are_left_to_the_network_of_single_streams():
    feats = np.full((5, 3), 6.0, np.float32)
    can_encode = BatchNetwork.can_encode.__get__(object())
    for value, expected in [(FLOOR - 1, True), (FLOOR, True), (4.0, False), (QUIETEST + 0.1, True)]:
        feats[2] = value
        assert can_encode(feats) == expected
    feats[2, 1:] = FLOOR  # one loud bin is enough
    assert can_encode(feats)
