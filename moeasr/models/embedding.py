"""SpeechMoE's embedding network: a small recogniser whose states tell the routers what is said."""

from torch import Tensor, nn

from moeasr.models.ctc import CtcHead
from moeasr.models.encoder import Encoder


class EmbeddingNetwork(nn.Module):
    """An encoder with a CTC head of its own (SpeechMoE, arXiv 2105.03036, section 3.2).

    Its states are joined to the input of every router, detached, so that only its own CTC loss
    L_e trains it (as the authors' later code does). It runs under the encoder's chunk mask: it must
    not see a future that the encoder does not.

    Args:
        encoder: Its own subsampling and blocks; states are (B, T', C).
        ctc: From its states to the units.
    """

    def __init__(self, encoder: Encoder, ctc: CtcHead) -> None:
        super().__init__()
        self.encoder = encoder
        self.ctc = ctc

    def forward(
        self, feats: Tensor, feats_lens: Tensor, chunk_size: int, num_left_chunks: int
    ) -> Tensor:
        """The states of normalised features, (B, T, F) -> (B, T', C)."""
        return self.encoder(feats, feats_lens, chunk_size, num_left_chunks).enc
