"""Log-probabilities of exported files, computed for the checks of an export on one thread."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from moeasr.deploy.batch_network import FRONT_END_SHAPE, INPUT_NAMES, OUTPUT_NAMES, SCALE
from moeasr.deploy.model_folder import ChunkSizes
from moeasr.deploy.networks import OfflineNetwork, OnnxNetwork, StreamingNetwork

LogProbs = Callable[[np.ndarray], np.ndarray]
"""Function from the features (T, F) of an utterance to log-probabilities (T', V)."""


def offline(path: Path, vocab_size: int) -> LogProbs:
    """Open a file for whole recordings.

    Raises:
        InputError: The file is damaged or has another vocabulary.
    """
    network = OfflineNetwork(path, 1, vocab_size)
    return lambda feats: network.encode(feats).log_probs


def wenet_streaming(path: Path, vocab_size: int, sizes: ChunkSizes) -> LogProbs:
    """Open a WeNet file for streams. The features must form whole chunks.

    Raises:
        InputError: The file is damaged or has another vocabulary.
    """
    network = StreamingNetwork(path, 1, vocab_size)

    def run(feats: np.ndarray) -> np.ndarray:
        caches, found = network.start(sizes.chunk_size * sizes.num_left_chunks), []
        for window in windows(feats, sizes.chunk_size):
            encoded, caches = network.step(window, sizes.chunk_size, caches)
            found.append(encoded.log_probs)
        return np.concatenate(found)

    return run


def zipformer_streaming(path: Path) -> LogProbs:
    """Open a Zipformer file for streams. The features must form whole chunks.

    The first states are created from the metadata, as sherpa-onnx does.

    Raises:
        InputError: The file is damaged.
    """
    network = OnnxNetwork(path, 1, INPUT_NAMES, OUTPUT_NAMES)
    past, width = network.size("left_context_len"), network.size("encoder_dims")
    key, value = (network.size(f"{name}_head_dims") for name in ("query", "value"))
    conv = (1, width, network.size("cnn_module_kernels") // 2)
    shapes = ((past, 1, key), (1, 1, past, 3 * width // 4), (past, 1, value), (past, 1, value))
    chunk_size = network.size("decode_chunk_len") // 4

    def run(feats: np.ndarray) -> np.ndarray:
        states = [
            *(np.zeros(shape, np.float32) for shape in (*shapes, conv, conv)),
            np.zeros((1, *FRONT_END_SHAPE), np.float32),
            np.zeros(1, np.int64),
        ]
        found = []
        for window in windows(feats - np.float32(SCALE), chunk_size):
            log_probs, *states = network.run(OUTPUT_NAMES, window[None], *states)
            found.append(log_probs[0])
        return np.concatenate(found)

    return run


def windows(feats: np.ndarray, chunk_size: int) -> list[np.ndarray]:
    """Cut features (T, F) into the overlapping windows of their whole chunks."""
    hop = 4 * chunk_size
    return [feats[start : start + hop + 3] for start in range(0, len(feats) - hop - 2, hop)]


def whole_chunks(feats: np.ndarray, chunk_size: int, value: float) -> np.ndarray:
    """Append frames of one value to features (T, F), so that they end with a whole chunk."""
    hop = 4 * chunk_size
    missing = max(hop + 3 - len(feats), -(len(feats) - 3) % hop)
    return np.pad(feats, ((0, missing), (0, 0)), constant_values=value)
