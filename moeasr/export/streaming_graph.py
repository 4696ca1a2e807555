"""The streaming graph: one chunk of features and the caches in, log-probabilities and caches out.

`StreamingGraph` computes a chunk. Two modules give it the interfaces of sherpa-onnx:
`WenetStreamingGraph` for `OnlineRecognizer.from_wenet_ctc`, with any chunk size and any number of
left chunks in one file; `ZipformerStreamingGraph` for `from_zipformer2_ctc`, which runs several
streams as one batch and is also available on phones and in browsers.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from moeasr.deploy.native_fbank import FLOOR
from moeasr.errors import InputError
from moeasr.export.cache_layout import CacheLayout
from moeasr.export.offline_graph import ctc_log_probs
from moeasr.models.asr import AsrModel
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.nn.valid_frames import all_frames_valid


class Chunk(NamedTuple):
    """The outputs for one chunk of B streams."""

    log_probs: Tensor
    """CTC log-probabilities, (B, S, V)."""
    attention: Tensor
    """Next attention cache, see `CacheLayout`."""
    convolution: Tensor
    """Next convolution cache."""


class StreamingGraph(nn.Module):
    """A model that processes one chunk of S encoder frames after C past frames.

    Args:
        model: A model in eval mode whose MoE layers are `SlicedExperts`.

    Raises:
        InputError: The model cannot stream, or its encoder is not a stack of blocks.
    """

    def __init__(self, model: AsrModel) -> None:
        super().__init__()
        model.check_chunks()
        self.model = model
        self._encoders = [model.encoder]
        if model.embedding is not None:
            self._encoders.insert(0, model.embedding.encoder)
        blocks = []
        for encoder in self._encoders:
            if not isinstance(encoder, BlockEncoder):
                raise InputError(
                    "this model has no streaming export: its encoder is a "
                    f"{type(encoder).__name__}, and only encoders of blocks have caches that can "
                    "be exported"
                )
            blocks += encoder.start(1).blocks
        self.layout = CacheLayout(tuple(blocks), model.encoder.d_model)

    def forward(
        self,
        feats: Tensor,
        attention: Tensor,
        convolution: Tensor,
        attention_mask: Tensor,
        first_key: Tensor,
    ) -> Chunk:
        """Encode a chunk.

        Args:
            feats: Log-mel features on the 16-bit scale, (B, 4 S + 3, F).
            attention: Attention cache (B, L, C, 2 D), see `CacheLayout`.
            convolution: Convolution cache (B, L, D (K - 1)).
            attention_mask: (B, 1, C + S) bool, False for past frames before the stream's beginning.
            first_key: (B,) position in its stream of the first of the C + S frames.
        """
        model = self.model
        feats = model.cmvn(feats.clamp(min=FLOOR))
        pasts, new_pasts = self.layout.unpack(attention, convolution), []
        context = enc = None
        for encoder in self._encoders:
            num_frames = torch.full((feats.size(0),), feats.size(1), device=feats.device)
            x, _ = encoder.subsampling(feats, num_frames)
            valid = all_frames_valid(x.size(0), x.size(1), x.device)
            own = pasts[len(new_pasts) : len(new_pasts) + len(encoder.blocks)]
            output = encoder.run_blocks(x, attention_mask, valid, context, own, first_key)
            context = enc = output.enc
            new_pasts += output.pasts
        assert enc is not None
        caches = self.layout.pack(new_pasts, attention, enc)
        return Chunk(ctc_log_probs(model, enc), *caches)
