"""The streaming graph as sherpa-onnx's `OnlineRecognizer.from_wenet_ctc` expects it."""

import torch
from torch import Tensor, nn

from moeasr.export.streaming_graph import StreamingGraph

EXAMPLE_CHUNK, EXAMPLE_LEFT = 5, 3


class WenetStreamingGraph(nn.Module):
    """A streaming graph for one stream, with any chunk size and any number of left chunks.

    The inputs and outputs have the order of sherpa-onnx. It passes all of them, so none may be
    dropped, although the position of a chunk matters only to attention by key positions.

    Args:
        graph: The graph of a chunk.
        num_heads: Number H by which sherpa-onnx divides the width D of the cache.
    """

    input_names = (
        *("x", "offset", "required_cache_size"),
        *("attn_cache", "conv_cache", "attn_mask"),
    )
    output_names = ("log_probs", "next_att_cache", "next_conv_cache")

    def __init__(self, graph: StreamingGraph, num_heads: int) -> None:
        super().__init__()
        self.chunk_graph = graph
        self.num_heads = num_heads

    def forward(
        self,
        x: Tensor,
        offset: Tensor,
        required_cache_size: Tensor,
        attn_cache: Tensor,
        conv_cache: Tensor,
        attn_mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Encode a chunk of S frames after C past frames.

        Args:
            x: Log-mel features, (1, 4 S + 3, F).
            offset: (1,) number of frames encoded so far plus C.
            required_cache_size: (1,) C.
            attn_cache: Attention cache, (L, H, C, 2 D / H).
            conv_cache: Convolution cache, (L, 1, D, K - 1).
            attn_mask: (1, 1, C + S) bool, True for frames that may be attended to.
        """
        layout, num_past = self.chunk_graph.layout, attn_cache.size(2)
        chunk = self.chunk_graph(
            x,
            attn_cache.reshape(1, layout.num_rows, num_past, 2 * layout.d_model),
            conv_cache.reshape(1, layout.num_rows, -1),
            attn_mask,
            offset - 2 * required_cache_size,
        )
        return (
            chunk.log_probs,
            chunk.attention.reshape(self.attention_shape(num_past)),
            chunk.convolution.reshape(self.convolution_shape),
        )

    def attention_shape(self, num_past: int) -> tuple[int, int, int, int]:
        """Return the shape of the attention cache for C past frames."""
        layout = self.chunk_graph.layout
        width = 2 * layout.d_model // self.num_heads
        return layout.num_rows, self.num_heads, num_past, width

    @property
    def convolution_shape(self) -> tuple[int, int, int, int]:
        """The shape of the convolution cache."""
        layout = self.chunk_graph.layout
        return layout.num_rows, 1, layout.d_model, layout.kernel_size - 1

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        num_past = EXAMPLE_CHUNK * EXAMPLE_LEFT
        num_mel_bins = self.chunk_graph.model.cmvn.mean.numel()
        return (
            torch.randn(1, 4 * EXAMPLE_CHUNK + 3, num_mel_bins),
            torch.tensor([num_past]),
            torch.tensor([num_past]),
            torch.zeros(self.attention_shape(num_past)),
            torch.zeros(self.convolution_shape),
            torch.ones(1, 1, num_past + EXAMPLE_CHUNK, dtype=torch.bool),
        )

    def dynamic_shapes(self) -> tuple[dict[int, object] | None, ...]:
        """Return the axes of the inputs whose size may vary."""
        auto = torch.export.Dim.AUTO
        return {1: auto}, None, None, {2: auto}, None, {2: auto}

    def metadata(self) -> dict[str, int | str]:
        """Return the metadata that sherpa-onnx reads from the file."""
        layout = self.chunk_graph.layout
        return {
            "model_type": "wenet_ctc",
            "head": self.num_heads,
            "num_blocks": layout.num_rows,
            "output_size": layout.d_model,
            "cnn_module_kernel": layout.kernel_size,
            "right_context": self.chunk_graph.model.encoder.min_frames - 1,
            "subsampling_factor": self.chunk_graph.model.subsampling_rate,
            "vocab_size": self.chunk_graph.model.vocab_size,
        }
