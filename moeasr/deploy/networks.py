"""The networks of a model folder, which onnxruntime computes on NumPy arrays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moeasr.deploy.optional_packages import import_optional
from moeasr.errors import InputError

EXPORT_AGAIN = "export the checkpoint again with `moeasr export`"


class Encoded(NamedTuple):
    """The outputs of the encoder for one recording, or for a chunk of a stream."""

    enc: np.ndarray
    """Encoder output, (T', D)."""
    log_probs: np.ndarray
    """CTC log-probabilities, (T', V)."""


class Caches(NamedTuple):
    """The state of a stream between two chunks."""

    num_frames: int
    """Number of frames encoded so far."""
    attention: np.ndarray
    """Keys and values of past frames, and in the last row encoder output, (L, H, C, 2 D / H)."""
    convolution: np.ndarray
    """Past inputs of convolutions, (L, 1, D, K - 1)."""


class TokenLogProbs(NamedTuple):
    """The log-probabilities of tokens under the attention decoders."""

    forward: np.ndarray
    """Log-probabilities (N, U + 1) of the tokens in their order, then of the end, then zeros."""
    backward: np.ndarray | None
    """Log-probabilities of the reversed tokens; None without a right-to-left decoder."""


class OnnxNetwork:
    """A network in an ONNX file.

    Args:
        path: The file.
        num_threads: Number of CPU threads; None lets onnxruntime decide.
        inputs: Names of the inputs.
        outputs: Names of the outputs that the file must have.
        optional: Names of further outputs that it may have.

    Raises:
        InputError: The file cannot be read, or it has other inputs or outputs.
    """

    def __init__(
        self,
        path: Path,
        num_threads: int | None,
        inputs: Sequence[str],
        outputs: Sequence[str],
        optional: Sequence[str] = (),
    ) -> None:
        onnxruntime = import_optional("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads or 0
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:  # the exceptions of onnxruntime have no base class of their own
            reason = " ".join(str(error).rpartition("failed:")[2].split())
            raise InputError(
                f"{path} cannot be read (truncated, or not an ONNX model): {reason}; {EXPORT_AGAIN}"
            ) from None
        self.path = path
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.outputs = [node.name for node in self._session.get_outputs()]
        """Names of the outputs."""
        self._inputs = list(inputs)
        self._widths = {
            node.name: node.shape[-1]
            for node in self._session.get_inputs()
            if node.shape and isinstance(node.shape[-1], int)  # not a size that inputs decide
        }
        found = sorted(node.name for node in self._session.get_inputs())
        if found != sorted(inputs):
            raise InputError(
                f"{path} must have the inputs {', '.join(inputs)}, but has {', '.join(found)}; "
                f"{EXPORT_AGAIN}"
            )
        for name in outputs:
            if name not in self.outputs:
                raise InputError(f"{path} lacks the output {name}; {EXPORT_AGAIN}")
        for name in self.outputs:
            if name not in (*outputs, *optional):
                raise InputError(f"{path} has the unknown output {name}; {EXPORT_AGAIN}")

    def run(self, outputs: Sequence[str], *inputs: np.ndarray) -> list[Any]:
        """Return some outputs for the inputs in their order.

        Raises:
            InputError: See `check_width`.
        """
        feed = dict(zip(self._inputs, inputs, strict=True))
        for name, value in feed.items():
            self.check_width(name, value.shape[-1])
        return self._session.run(list(outputs), feed)

    def check_width(self, name: str, width: int) -> None:
        """Raise `InputError` unless an input may have this last size."""
        expected = self._widths.get(name, width)
        if width != expected:
            raise InputError(
                f"{self.path} belongs to another model than the other files of its folder: its "
                f"input {name} has the width {expected} instead of {width}; {EXPORT_AGAIN}"
            )

    def size(self, name: str) -> int:
        """Return a whole number of the metadata.

        Raises:
            InputError: The metadata lack it.
        """
        value = self.metadata.get(name, "")
        if not value.isdecimal():
            raise InputError(f"{self.path}: its metadata lack the number `{name}`; {EXPORT_AGAIN}")
        return int(value)


class OfflineNetwork:
    """The encoder and CTC on whole recordings.

    Args:
        path: The file.
        num_threads: As in `OnnxNetwork`.
        vocab_size: Number of units that the file must have.

    Raises:
        InputError: The file is invalid, or has another vocabulary.
    """

    _OUTPUTS = ("log_probs", "log_probs_lens", "encoder_out")

    def __init__(self, path: Path, num_threads: int | None, vocab_size: int) -> None:
        self._network = OnnxNetwork(path, num_threads, ("x", "x_lens"), self._OUTPUTS)
        _check_vocabulary(self._network, vocab_size)

    def encode(self, feats: np.ndarray) -> Encoded:
        """Encode features (T, F), T > 0."""
        inputs = feats[None].astype(np.float32), np.array([len(feats)])
        log_probs, lens, enc = self._network.run(self._OUTPUTS, *inputs)
        return Encoded(enc[0, : lens[0]], log_probs[0, : lens[0]])


class StreamingNetwork:
    """The encoder and CTC on one chunk of a stream after another.

    Args:
        path: The file.
        num_threads: As in `OnnxNetwork`.
        vocab_size: Number of units that the file must have.

    Raises:
        InputError: The file is invalid, or has another vocabulary.
    """

    _INPUTS = ("x", "offset", "required_cache_size", "attn_cache", "conv_cache", "attn_mask")
    _OUTPUTS = ("log_probs", "next_att_cache", "next_conv_cache")

    def __init__(self, path: Path, num_threads: int | None, vocab_size: int) -> None:
        network = OnnxNetwork(path, num_threads, self._INPUTS, self._OUTPUTS)
        _check_vocabulary(network, vocab_size)
        self._network = network
        rows, heads, width = map(network.size, ("num_blocks", "head", "output_size"))
        self._attention_shape = (rows, heads, 2 * width // heads)
        self._convolution_shape = (rows, 1, width, network.size("cnn_module_kernel") - 1)

    def start(self, num_past: int) -> Caches:
        """Return the state of a stream before its first frame, with room for C past frames.

        C must be at least the number of frames of a chunk.
        """
        rows, heads, width = self._attention_shape
        attention = np.zeros((rows, heads, num_past, width), np.float32)
        return Caches(0, attention, np.zeros(self._convolution_shape, np.float32))

    def step(self, window: np.ndarray, num_new: int, caches: Caches) -> tuple[Encoded, Caches]:
        """Encode the next chunk.

        Args:
            window: Features of exactly this chunk, (W, F).
            num_new: Number of encoder frames S that the window gives.
            caches: The state after the chunk before it.
        """
        num_past = caches.attention.shape[2]
        mask = np.ones((1, 1, num_past + num_new), bool)
        mask[..., : max(0, num_past - caches.num_frames)] = False
        log_probs, attention, convolution = self._network.run(
            self._OUTPUTS,
            window[None].astype(np.float32),
            np.array([num_past + caches.num_frames]),
            np.array([num_past]),
            caches.attention,
            caches.convolution,
            mask,
        )
        rows, heads, width = self._attention_shape
        # the first half of the last row holds the encoder output of the latest C frames
        enc = attention.reshape(rows, num_past, heads * width)[-1, -num_new:, : heads * width // 2]
        encoded = Encoded(enc, log_probs[0])
        return encoded, Caches(caches.num_frames + num_new, attention, convolution)


class DecoderNetwork:
    """The attention decoders, which score hypotheses of one recording.

    Args:
        path: The file.
        num_threads: As in `OnnxNetwork`.

    Raises:
        InputError: The file is invalid.
    """

    _INPUTS = ("encoder_out", "tokens", "tokens_lens")

    def __init__(self, path: Path, num_threads: int | None) -> None:
        outputs, optional = ("log_probs",), ("reverse_log_probs",)
        self._network = OnnxNetwork(path, num_threads, self._INPUTS, outputs, optional)

    @property
    def can_reverse(self) -> bool:
        """True if there is a right-to-left decoder."""
        return "reverse_log_probs" in self._network.outputs

    def score(self, enc: np.ndarray, hypotheses: Sequence[Sequence[int]]) -> TokenLogProbs:
        """Score the tokens of N hypotheses, given the encoder output (T', D), T' > 0."""
        lens = np.array([len(tokens) for tokens in hypotheses])
        tokens = np.zeros((len(hypotheses), max(1, lens.max())), np.int64)
        for row, units in zip(tokens, hypotheses):
            row[: len(units)] = units
        names = ("log_probs", "reverse_log_probs")[: 2 if self.can_reverse else 1]
        inputs = enc[None].astype(np.float32), tokens, lens.astype(np.int64)
        found = [part.astype(np.float64) for part in self._network.run(names, *inputs)]
        return TokenLogProbs(found[0], found[1] if self.can_reverse else None)


def _check_vocabulary(network: OnnxNetwork, vocab_size: int) -> None:
    """Raise `InputError` unless a network has as many output units as `tokens.txt`."""
    found = network.size("vocab_size")
    if found != vocab_size:
        raise InputError(
            f"{network.path} has {found} output units, but the folder's tokens.txt has "
            f"{vocab_size}; {EXPORT_AGAIN}"
        )
