"""The log-probabilities that exported files compute, for the checks of an export."""

from pathlib import Path

import numpy as np

from moeasr.errors import InputError


class OnnxFile:
    """An exported file, opened by onnxruntime on one thread of the CPU.

    Args:
        path: The file.

    Raises:
        InputError: onnxruntime cannot read the file.
    """

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common class
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"{path}: onnxruntime cannot read it: {reason}") from None
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, *inputs: np.ndarray) -> list[np.ndarray]:
        """Run the file on inputs in their order."""
        names = [node.name for node in self._session.get_inputs()]
        return self._session.run(None, dict(zip(names, inputs, strict=True)))

    def offline(self, feats: np.ndarray) -> np.ndarray:
        """Return the log-probabilities (T', V) of features (T, F)."""
        log_probs, lens, *_ = self.run(feats[None], np.array([len(feats)]))
        return log_probs[0, : lens[0]]

    def wenet_streaming(
        self, feats: np.ndarray, chunk_size: int, num_left_chunks: int
    ) -> np.ndarray:
        """Return the log-probabilities of a stream, as sherpa-onnx runs a WeNet file.

        Args:
            feats: Features (T, F) of whole chunks.
            chunk_size: Number of encoder frames per chunk.
            num_left_chunks: Number of left chunks.
        """
        sizes = {key: int(value) for key, value in self.metadata.items() if value.isdecimal()}
        rows, heads, width = sizes["num_blocks"], sizes["head"], sizes["output_size"]
        num_past = chunk_size * num_left_chunks
        attention = np.zeros((rows, heads, num_past, 2 * width // heads), np.float32)
        convolution = np.zeros((rows, 1, width, sizes["cnn_module_kernel"] - 1), np.float32)
        found = []
        for number, window in enumerate(windows(feats, chunk_size)):
            num_seen = number * chunk_size
            mask = np.ones((1, 1, num_past + chunk_size), bool)
            mask[..., : max(0, num_past - num_seen)] = False
            place = np.array([num_past + num_seen]), np.array([num_past])
            log_probs, attention, convolution = self.run(
                window[None], *place, attention, convolution, mask
            )
            found.append(log_probs[0])
        return np.concatenate(found)

    def zipformer_streaming(self, feats: np.ndarray, scale: float) -> np.ndarray:
        """Return the log-probabilities of a stream, as sherpa-onnx runs a Zipformer file.

        Args:
            feats: Features (T, F) of whole chunks.
            scale: Number that the file adds to features, which is subtracted here.
        """
        states = [
            np.zeros(
                [axis if isinstance(axis, int) else 1 for axis in node.shape],
                np.int64 if "int64" in node.type else np.float32,
            )
            for node in self._session.get_inputs()[1:]
        ]
        found = []
        chunk_size = int(self.metadata["decode_chunk_len"]) // 4
        for window in windows(feats - np.float32(scale), chunk_size):
            log_probs, *states = self.run(window[None], *states)
            found.append(log_probs[0])
        return np.concatenate(found)


def windows(feats: np.ndarray, chunk_size: int) -> list[np.ndarray]:
    """Cut features (T, F) into the overlapping windows of their whole chunks."""
    hop = 4 * chunk_size
    return [feats[start : start + hop + 3] for start in range(0, len(feats) - hop - 2, hop)]


def whole_chunks(feats: np.ndarray, chunk_size: int, value: float) -> np.ndarray:
    """Append frames of one value to features (T, F), so that they end with a whole chunk."""
    hop = 4 * chunk_size
    missing = max(hop + 3 - len(feats), -(len(feats) - 3) % hop)
    return np.pad(feats, ((0, missing), (0, 0)), constant_values=value)
