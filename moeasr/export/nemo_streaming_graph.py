"""The streaming graph as sherpa-onnx's `OnlineRecognizer.from_nemo_ctc` expects it."""

import torch
from torch import Tensor, nn

from moeasr.export.streaming_graph import SCALE, StreamingGraph


class NemoStreamingGraph(nn.Module):
    """A streaming graph for a batch of streams, with a fixed chunk size and left context.

    sherpa-onnx offers this kind of model in its C interface, which Android, iOS, browsers and many
    languages use. It computes features of samples in [-1, 1].

    Args:
        graph: The graph of a chunk.
        chunk_size: Number S of encoder frames in a chunk.
        num_left_chunks: Number of left chunks.
    """

    input_names = (
        *("audio_signal", "length", "cache_last_channel", "cache_last_time"),
        "cache_last_channel_len",
    )
    output_names = (
        *("logprobs", "encoded_lengths", "cache_last_channel_next", "cache_last_time_next"),
        "cache_last_channel_next_len",
    )

    def __init__(self, graph: StreamingGraph, chunk_size: int, num_left_chunks: int) -> None:
        super().__init__()
        self.chunk_graph = graph
        self.chunk_size = chunk_size
        self.num_past = chunk_size * num_left_chunks

    def forward(
        self,
        audio_signal: Tensor,
        length: Tensor,
        cache_last_channel: Tensor,
        cache_last_time: Tensor,
        cache_last_channel_len: Tensor,
    ) -> tuple[Tensor, ...]:
        """Encode a chunk of B streams.

        Args:
            audio_signal: Log-mel features of samples in [-1, 1], (B, F, 4 S + 3).
            length: (B,) number of feature frames, always 4 S + 3.
            cache_last_channel: Attention cache, (B, L, C, 2 D).
            cache_last_time: Convolution cache, (B, L, D, K - 1).
            cache_last_channel_len: (B,) number of frames encoded so far.
        """
        num_seen = cache_last_channel_len
        past = torch.arange(-self.num_past, 0, device=num_seen.device)
        is_past = past >= -num_seen[:, None]
        is_new = torch.ones(1, self.chunk_size, dtype=torch.bool, device=num_seen.device)
        attention_mask = torch.cat((is_past, is_new.expand(num_seen.size(0), -1)), dim=1)
        chunk = self.chunk_graph(
            audio_signal.transpose(1, 2) + SCALE,
            cache_last_channel,
            cache_last_time.flatten(2),
            attention_mask[:, None],
            num_seen - self.num_past,
        )
        return (
            chunk.log_probs,
            torch.full_like(length, self.chunk_size),
            chunk.attention,
            chunk.convolution.unflatten(2, cache_last_time.shape[2:]),
            num_seen + self.chunk_size,
        )

    @property
    def window_frames(self) -> int:
        """Number of feature frames of a chunk."""
        return 4 * self.chunk_size + 3

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        layout = self.chunk_graph.layout
        num_mel_bins = self.chunk_graph.model.cmvn.mean.numel()
        return (
            torch.randn(2, num_mel_bins, self.window_frames),
            torch.full((2,), self.window_frames),
            torch.zeros(2, layout.num_rows, self.num_past, 2 * layout.d_model),
            torch.zeros(2, layout.num_rows, layout.d_model, layout.kernel_size - 1),
            torch.zeros(2, dtype=torch.int64),
        )

    def dynamic_shapes(self) -> tuple[dict[int, object], ...]:
        """Return the axes of the inputs whose size may vary."""
        return ({0: torch.export.Dim("B", min=1)},) * 5

    def metadata(self) -> dict[str, int | str]:
        """Return what sherpa-onnx reads from the file."""
        layout = self.chunk_graph.layout
        return {
            "model_type": "EncDecCTCModelBPE",
            "window_size": self.window_frames,
            "chunk_shift": 4 * self.chunk_size,
            "subsampling_factor": self.chunk_graph.model.subsampling_rate,
            "vocab_size": self.chunk_graph.model.vocab_size - 1,  # sherpa-onnx adds the blank
            "cache_last_channel_dim1": layout.num_rows,
            "cache_last_channel_dim2": self.num_past,
            "cache_last_channel_dim3": 2 * layout.d_model,
            "cache_last_time_dim1": layout.num_rows,
            "cache_last_time_dim2": layout.d_model,
            "cache_last_time_dim3": layout.kernel_size - 1,
            "left_context_size": self.num_past,
        }
