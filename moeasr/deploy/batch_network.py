"""The network that encodes chunks of several streams at once, which onnxruntime computes.

It is the file `model.zipformer.onnx` of a model folder. Its chunk size and left context are fixed,
and a chunk must be complete. The caches of a stream are those of `StreamingNetwork`, so either
network can continue the stream.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moeasr.deploy.model_folder import FolderConfig
from moeasr.deploy.native_fbank import FLOOR, SAMPLE_SCALE
from moeasr.deploy.networks import EXPORT_AGAIN, Caches, Encoded, OnnxNetwork
from moeasr.errors import InputError

INPUT_NAMES = (
    "x",
    *("cached_key_0", "cached_nonlin_attn_0", "cached_val1_0", "cached_val2_0"),
    *("cached_conv1_0", "cached_conv2_0", "embed_states", "processed_lens"),
)
"""Names of the features and of the states, as sherpa-onnx passes them."""
OUTPUT_NAMES = ("log_probs", *(f"new_{name}" for name in INPUT_NAMES[1:]))
FRONT_END_SHAPE = (128, 3, 19)
"""Shape of the state of a Zipformer's front end, which sherpa-onnx does not read from the file."""
SCALE = 2 * math.log(SAMPLE_SCALE)
"""Difference between log-mel features of samples on the 16-bit scale and of samples in [-1, 1]."""
QUIETEST = FLOOR + SCALE + 1e-3
"""Largest value of a mel bin, on the 16-bit scale, that counts as digital silence. To all quieter
bins, sherpa-onnx gives this value, less a margin for rounding."""

_WANTED = ("log_probs", "new_cached_key_0", "new_cached_conv1_0", "new_cached_conv2_0")


class BatchNetwork:
    """The encoder and CTC on one complete chunk of each of several streams.

    Args:
        path: The file.
        num_threads: As in `OnnxNetwork`.
        config: The settings of the folder, with sizes of chunks.

    Raises:
        InputError: The file is invalid, or has other sizes of chunks than the settings.
    """

    def __init__(self, path: Path, num_threads: int | None, config: FolderConfig) -> None:
        self._network = network = OnnxNetwork(path, num_threads, INPUT_NAMES, OUTPUT_NAMES)
        sizes = config.streaming
        assert sizes is not None
        self.chunk_size = sizes.chunk_size
        """Encoder frames per chunk."""
        self.num_past = sizes.chunk_size * sizes.num_left_chunks
        """Number of past frames in the caches."""
        expected = {
            "decode_chunk_len": config.subsampling_rate * sizes.chunk_size,
            "left_context_len": self.num_past,
        }
        for name, value in expected.items():
            if network.size(name) != value:
                raise InputError(
                    f"{path}: `{name}` must be {value}, as in config.yaml, but is "
                    f"{network.size(name)}; {EXPORT_AGAIN}"
                )
        self._width = network.size("encoder_dims")
        self._value_width = network.size("value_head_dims")
        self._conv_columns = network.size("cnn_module_kernels") // 2

    def can_encode(self, window: np.ndarray) -> bool:
        """Return whether the features (W, F) of a chunk are encoded as `StreamingNetwork` does.

        The network takes frames for digital silence if none of their bins exceeds `QUIETEST`.
        """
        loudest = window.max(axis=1)
        return not ((loudest > FLOOR) & (loudest <= QUIETEST)).any()

    def step(
        self, windows: Sequence[np.ndarray], caches: Sequence[Caches]
    ) -> list[tuple[Encoded, Caches]]:
        """Encode the next chunk of B streams, B > 0.

        Args:
            windows: The features of each chunk, on the 16-bit scale; all are (W, F).
            caches: The state of each stream after the chunk before it.

        Returns:
            The outputs and the next state of each stream.
        """
        num_streams, past = len(windows), self.num_past
        rows, heads, _, width = caches[0].attention.shape
        self._network.check_width("cached_key_0", rows * heads * width)
        keys = np.empty((past, num_streams, rows * heads * width), np.float32)
        convolutions = np.zeros((num_streams, 2 * self._width * self._conv_columns), np.float32)
        num_values = caches[0].convolution.size
        for place, cache in enumerate(caches):
            by_frame = cache.attention.reshape(rows, past, heads * width).transpose(1, 0, 2)
            keys[:, place] = by_frame.reshape(past, -1)
            convolutions[place, :num_values] = cache.convolution.reshape(-1)
        halves = convolutions.reshape(num_streams, 2, self._width, self._conv_columns)
        log_probs, keys, *convolved = self._network.run(
            _WANTED,
            np.stack(windows).astype(np.float32) - np.float32(SCALE),
            keys,
            np.zeros((1, num_streams, past, 3 * self._width // 4), np.float32),
            np.zeros((past, num_streams, self._value_width), np.float32),
            np.zeros((past, num_streams, self._value_width), np.float32),
            np.ascontiguousarray(halves[:, 0]),
            np.ascontiguousarray(halves[:, 1]),
            np.zeros((num_streams, *FRONT_END_SHAPE), np.float32),
            np.array([cache.num_frames for cache in caches], np.int64),
        )
        convolutions = np.concatenate([half.reshape(num_streams, -1) for half in convolved], axis=1)
        found = []
        for place, cache in enumerate(caches):
            by_frame = keys[:, place].reshape(past, rows, heads * width)
            # the first half of the last row holds the encoder output of the latest frames
            enc = by_frame[-self.chunk_size :, -1, : heads * width // 2].copy()
            attention = by_frame.transpose(1, 0, 2).reshape(cache.attention.shape)
            convolution = convolutions[place, :num_values].reshape(cache.convolution.shape)
            num_frames = cache.num_frames + self.chunk_size
            encoded = Encoded(enc, log_probs[place])
            found.append((encoded, Caches(num_frames, attention, convolution.copy())))
        return found
