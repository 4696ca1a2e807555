"""SpeechMoE's embedding network: a small recogniser whose states tell the routers what is said."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError
from moeasr.models.encoders.conformer import ConformerConfig
from moeasr.models.encoders.encoder import Encoder
from moeasr.models.encoders.encoders import AnyEncoder
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.nn.feed_forward import DenseConfig
from moeasr.ranges import check_weight


class EmbeddingNetwork(nn.Module):
    """An encoder with a CTC head of its own (SpeechMoE, arXiv 2105.03036, section 3.2).

    Its states are joined to the input of every router, detached, so that only its own CTC loss
    L_e trains it (as the authors' later code does). It runs under the encoder's chunk mask: it must
    not see a future that the encoder does not.

    Args:
        encoder: Its own subsampling and blocks; states are (B, T', C).
        ctc: From its states to the units.
        loss_weight: gamma: of L_e in the model's loss; 0 freezes the network.
    """

    def __init__(self, encoder: Encoder, ctc: CtcHead, loss_weight: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.ctc = ctc
        self.loss_weight = loss_weight
        if loss_weight == 0:
            self.requires_grad_(False)

    def forward(
        self, feats: Tensor, feats_lens: Tensor, chunk_size: int, num_left_chunks: int
    ) -> Tensor:
        """The states of normalised features, (B, T, F) -> (B, T', C)."""
        return self.encoder(feats, feats_lens, chunk_size, num_left_chunks).enc


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """SpeechMoE's embedding network, whose states every `router: embedding` sees."""

    encoder: AnyEncoder = ConformerConfig()
    """Its blocks and width C; dense. Its `dynamic_chunk` is not looked at: it runs in the chunks
    of the encoder that it serves."""
    loss_weight: float = field(default=0.01, metadata=OBJECTIVE)
    """gamma: weight of its own CTC loss. It learns from nothing else; 0 freezes it."""

    def __post_init__(self) -> None:
        """Check ranges and combinations."""
        check_weight("loss_weight", self.loss_weight)
        if any(not isinstance(part, DenseConfig) for part in self.encoder.feed_forwards.values()):
            raise InputError("the embedding network's feed-forwards must be `type: dense`")

    def build(self, num_mel_bins: int, vocab_size: int) -> EmbeddingNetwork:
        """Build the network.

        Args:
            num_mel_bins: F.
            vocab_size: V.
        """
        encoder = self.encoder.build(num_mel_bins, context_size=0)
        return EmbeddingNetwork(encoder, CtcHead(encoder.d_model, vocab_size), self.loss_weight)
