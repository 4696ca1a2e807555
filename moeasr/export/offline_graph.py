"""The offline graph: features of whole recordings in, CTC log-probabilities and encoder output out.

Inputs and outputs have the order that sherpa-onnx's `OfflineRecognizer.from_wenet_ctc` expects.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moeasr.deploy.native_fbank import FLOOR
from moeasr.models.asr import AsrModel
from moeasr.models.heads.attention_head import SOS_EOS

UNLIKELY = -1e4
"""Log-probability that replaces that of <sos/eos>. CTC is not trained to emit this unit, and other
programs would print its name."""


class OfflineGraph(nn.Module):
    """A model with full context.

    Args:
        model: A model in eval mode whose MoE layers are `SlicedExperts`.
    """

    input_names = ("x", "x_lens")
    output_names = ("log_probs", "log_probs_lens", "encoder_out")

    def __init__(self, model: AsrModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, x_lens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Recognise a batch.

        Args:
            x: Log-mel features on the 16-bit scale, (B, T, F).
            x_lens: Number of feature frames of each recording, (B,) int64.

        Returns:
            Log-probabilities (B, T', V), the number of encoder frames of each recording (B,) int64,
            and the encoder output (B, T', D). A recording that is too short has 0 frames.
        """
        model = self.model
        # The subsampling fails for fewer than `min_frames`, and an error ends sherpa-onnx's server.
        feats = F.pad(x.clamp(min=FLOOR), (0, 0, 0, model.encoder.min_frames))
        encoded = model.encode(feats, x_lens)
        subsampled = ((x_lens - 1) // 2 - 1) // 2
        lens = torch.where(x_lens < model.encoder.min_frames, 0, subsampled)
        return ctc_log_probs(model, encoded.enc), lens, encoded.enc

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        num_mel_bins = self.model.cmvn.mean.numel()
        return torch.randn(2, 83, num_mel_bins), torch.tensor([83, 67])

    def dynamic_shapes(self) -> tuple[dict[int, object], ...]:
        """Return the axes of the inputs whose size may vary."""
        batch = torch.export.Dim("N", min=1)
        return {0: batch, 1: torch.export.Dim("T", min=1)}, {0: batch}


def ctc_log_probs(model: AsrModel, enc: Tensor) -> Tensor:
    """Return CTC log-probabilities in which <sos/eos> is unlikely."""
    is_edge = torch.arange(model.vocab_size, device=enc.device) == SOS_EOS
    return model.ctc_log_probs(enc).masked_fill(is_edge, UNLIKELY)
