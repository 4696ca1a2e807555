"""SpeechMoE's embedding network: a small recogniser whose output is an input of all routers."""

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
    """An encoder with its own CTC head (SpeechMoE, arXiv 2105.03036, section 3.2).

    Its output is detached and concatenated to the input of every router. Only its own CTC loss L_e
    trains it, as in the authors' later code. It uses the chunk mask of the main encoder, so that it
    sees no future frames that the main encoder does not see.

    Args:
        encoder: Encoder with output (B, T', C), including its own subsampling.
        ctc: CTC head on this encoder.
        loss_weight: Weight gamma of L_e in the model's loss; 0 freezes the network.
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
        """Encode normalised features, (B, T, F) -> (B, T', C)."""
        return self.encoder(feats, feats_lens, chunk_size, num_left_chunks).enc


@dataclass(frozen=True, kw_only=True)
class EmbeddingConfig:
    """SpeechMoE's embedding network, whose output is an input of every `router: embedding`."""

    encoder: AnyEncoder = ConformerConfig()
    """Encoder of the network, without experts; its `d_model` is C. It uses the chunks of the main
    encoder, so its own `dynamic_chunk` has no effect, but must be false with `causal_conv:
    false`."""
    loss_weight: float = field(default=0.01, metadata=OBJECTIVE)
    """Weight gamma of the network's own CTC loss, the only loss that trains it; 0 freezes it."""

    def __post_init__(self) -> None:
        """Check that all values are in range and compatible."""
        check_weight("loss_weight", self.loss_weight)
        if any(not isinstance(part, DenseConfig) for part in self.encoder.feed_forwards.values()):
            raise InputError("the embedding network's feed-forwards must be `type: dense`")

    def build(self, num_mel_bins: int, vocab_size: int) -> EmbeddingNetwork:
        """Build the network.

        Args:
            num_mel_bins: Number F of mel bins.
            vocab_size: Vocabulary size V.
        """
        encoder = self.encoder.build(num_mel_bins, context_size=0)
        return EmbeddingNetwork(encoder, CtcHead(encoder.d_model, vocab_size), self.loss_weight)
