"""The streaming graph as sherpa-onnx's `OnlineRecognizer.from_zipformer2_ctc` expects it.

Of the streaming CTC models in sherpa-onnx's C interface, only this kind has our features (Povey
window, 20 to 7600 Hz). Those of `nemo_ctc` have another window and other mel filters.
"""

import numpy as np
import torch
from torch import Tensor, nn

from moeasr.deploy.batch_network import (
    FRONT_END_SHAPE,
    INPUT_NAMES,
    OUTPUT_NAMES,
    QUIETEST,
    SCALE,
)
from moeasr.deploy.native_fbank import FLOOR
from moeasr.export.streaming_graph import StreamingGraph

CHANNELS = 4
"""Smallest encoder width for which a Zipformer's sizes are whole numbers."""


def heard_features(feats: np.ndarray) -> np.ndarray:
    """Return log-mel features (T, F) as the graph receives them from sherpa-onnx.

    sherpa-onnx computes the features of samples in [-1, 1], whose log has the same floor. On the
    16-bit scale of `feats`, this floor is 4.85, so smaller values become 4.85. A frame whose bins
    are all at the floor becomes digital silence.
    """
    heard = np.maximum(feats, np.float32(FLOOR + SCALE))
    heard[(feats <= QUIETEST).all(axis=1)] = FLOOR
    return heard


class ZipformerStreamingGraph(nn.Module):
    """A streaming graph for a batch of streams, with a fixed chunk size and left context.

    sherpa-onnx offers this kind of model in its C interface, which Android, iOS, browsers and many
    languages use. It computes features of samples in [-1, 1], and keeps the states of a Zipformer
    of one layer without reading them. The graph uses three of them for its caches, and returns
    the others unchanged.

    Args:
        chunk_graph: The graph of a chunk.
        chunk_size: Number S of encoder frames in a chunk.
        num_left_chunks: Number of left chunks.
    """

    input_names, output_names = INPUT_NAMES, OUTPUT_NAMES

    def __init__(self, chunk_graph: StreamingGraph, chunk_size: int, num_left_chunks: int) -> None:
        super().__init__()
        self.chunk_graph = chunk_graph
        self.chunk_size = chunk_size
        self.num_past = chunk_size * num_left_chunks

    def forward(
        self,
        x: Tensor,
        key: Tensor,
        unused_attention: Tensor,
        unused_value_1: Tensor,
        unused_value_2: Tensor,
        conv_1: Tensor,
        conv_2: Tensor,
        unused_front_end: Tensor,
        processed_lens: Tensor,
    ) -> tuple[Tensor, ...]:
        """Encode a chunk of B streams.

        Args:
            x: Log-mel features of samples in [-1, 1], (B, 4 S + 3, F).
            key: Attention cache, (C, B, L 2 D).
            unused_attention: Zeros, (1, B, C, 3).
            unused_value_1: Zeros, (C, B, 1).
            unused_value_2: Zeros, (C, B, 1).
            conv_1: First half of the convolution cache, (B, 4, P).
            conv_2: Second half of the convolution cache, (B, 4, P).
            unused_front_end: Zeros, (B, 128, 3, 19).
            processed_lens: (B,) number of frames encoded so far.
        """
        layout = self.chunk_graph.layout
        feats = x + SCALE
        # Only digital silence has all bins at the floor, and it is lower on the 16-bit scale.
        is_silent = (feats <= QUIETEST).all(dim=2, keepdim=True)
        past = torch.arange(-self.num_past, 0, device=x.device)
        is_past = past >= -processed_lens[:, None]
        is_new = torch.ones(1, self.chunk_size, dtype=torch.bool, device=x.device)
        attention_mask = torch.cat((is_past, is_new.expand(x.size(0), -1)), dim=1)
        convolution = torch.cat((conv_1.flatten(1), conv_2.flatten(1)), dim=1)
        size = layout.num_rows * layout.edge_size
        chunk = self.chunk_graph(
            torch.where(is_silent, FLOOR, feats),
            key.permute(1, 0, 2).unflatten(2, (layout.num_rows, -1)).transpose(1, 2),
            convolution[:, :size].unflatten(1, (layout.num_rows, layout.edge_size)),
            attention_mask[:, None],
            processed_lens - self.num_past,
        )
        convolution = nn.functional.pad(
            chunk.convolution.flatten(1), (0, 2 * CHANNELS * self._conv_size - size)
        )
        halves = convolution.unflatten(1, (2, CHANNELS, self._conv_size))
        return (
            chunk.log_probs,
            chunk.attention.transpose(1, 2).flatten(2).transpose(0, 1),
            unused_attention.clone(),
            unused_value_1.clone(),
            unused_value_2.clone(),
            halves[:, 0],
            halves[:, 1],
            unused_front_end.clone(),
            processed_lens + self.chunk_size,
        )

    @property
    def _conv_size(self) -> int:
        """Number P of columns of each half of the convolution cache."""
        layout = self.chunk_graph.layout
        return -(-layout.num_rows * layout.edge_size // (2 * CHANNELS))

    @property
    def window_frames(self) -> int:
        """Number of feature frames of a chunk."""
        return 4 * self.chunk_size + 3

    def start(self, num_streams: int) -> tuple[Tensor, ...]:
        """Return the states of streams before their first frame, in the order of the inputs."""
        layout, past = self.chunk_graph.layout, self.num_past
        conv = (num_streams, CHANNELS, self._conv_size)
        return (
            torch.zeros(past, num_streams, layout.num_rows * 2 * layout.d_model),
            torch.zeros(1, num_streams, past, 3 * CHANNELS // 4),
            torch.zeros(past, num_streams, 1),
            torch.zeros(past, num_streams, 1),
            torch.zeros(conv),
            torch.zeros(conv),
            torch.zeros(num_streams, *FRONT_END_SHAPE),
            torch.zeros(num_streams, dtype=torch.int64),
        )

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        num_mel_bins = self.chunk_graph.model.cmvn.mean.numel()
        return torch.randn(2, self.window_frames, num_mel_bins), *self.start(2)

    def dynamic_shapes(self) -> tuple[dict[int, object], ...]:
        """Return the axes of the inputs whose size may vary."""
        batch = torch.export.Dim("N", min=1)
        return {0: batch}, *({axis: batch} for axis in (1, 1, 1, 1, 0, 0, 0, 0))

    def metadata(self) -> dict[str, int | str]:
        """Return the metadata that sherpa-onnx reads from the file."""
        layout = self.chunk_graph.layout
        return {
            "model_type": "zipformer2",
            "T": self.window_frames,
            "decode_chunk_len": 4 * self.chunk_size,
            "num_encoder_layers": 1,
            "encoder_dims": CHANNELS,
            "num_heads": 1,
            "query_head_dims": layout.num_rows * 2 * layout.d_model,
            "value_head_dims": 1,
            "cnn_module_kernels": 2 * self._conv_size,
            "left_context_len": self.num_past,
        }
