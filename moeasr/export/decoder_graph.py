"""The decoder graph: hypotheses and encoder output in, log-probabilities of their tokens out."""

import torch
from torch import Tensor, nn

from moeasr.models.heads.attention_head import (
    SOS_EOS,
    AttentionHead,
    add_sos_eos,
    reverse_tokens,
)
from moeasr.models.heads.decoder import TransformerDecoder

EXAMPLE_FRAMES, EXAMPLE_TOKENS = 21, 5


class DecoderGraph(nn.Module):
    """The attention decoders of a model, which score the hypotheses of one recording.

    Args:
        head: The attention head of a model in eval mode whose MoE layers are `SlicedExperts`.
        d_model: Width D of the encoder output.
    """

    input_names = ("encoder_out", "tokens", "tokens_lens")

    def __init__(self, head: AttentionHead, d_model: int) -> None:
        super().__init__()
        self.decoder = head.decoder
        self.reverse_decoder = head.reverse_decoder if head.can_rescore_in_reverse else None
        self._d_model = d_model

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return ("log_probs", "reverse_log_probs")[: 1 if self.reverse_decoder is None else 2]

    def forward(
        self, encoder_out: Tensor, tokens: Tensor, tokens_lens: Tensor
    ) -> tuple[Tensor, ...]:
        """Score hypotheses.

        Args:
            encoder_out: Encoder output of one recording without padding, (1, T', D).
            tokens: Tokens of N hypotheses with any padding, (N, U).
            tokens_lens: Numbers of tokens, (N,).

        Returns:
            (N, U + 1) for each decoder: the log-probabilities of the tokens in the decoder's own
            order, then that of `<sos/eos>`, then zeros.
        """
        found = [_token_log_probs(self.decoder, encoder_out, tokens, tokens_lens)]
        if self.reverse_decoder is not None:
            backwards = reverse_tokens(tokens, tokens_lens)
            found.append(
                _token_log_probs(self.reverse_decoder, encoder_out, backwards, tokens_lens)
            )
        return tuple(found)

    def example(self) -> tuple[Tensor, ...]:
        """Return inputs from which the graph is traced."""
        enc = torch.randn(1, EXAMPLE_FRAMES, self._d_model)
        return enc, torch.full((3, EXAMPLE_TOKENS), 3), torch.tensor([EXAMPLE_TOKENS, 2, 3])

    def dynamic_shapes(self) -> tuple[dict[int, object], ...]:
        """Return the axes of the inputs whose size may vary."""
        num_frames, num_rows = torch.export.Dim("T_enc", min=1), torch.export.Dim("N", min=1)
        return {1: num_frames}, {0: num_rows, 1: torch.export.Dim("U", min=1)}, {0: num_rows}


def _token_log_probs(
    decoder: TransformerDecoder, enc: Tensor, tokens: Tensor, tokens_lens: Tensor
) -> Tensor:
    """Return the log-probabilities of one decoder, see `DecoderGraph`."""
    tokens_in, targets = add_sos_eos(tokens, tokens_lens, SOS_EOS)
    enc_lens = torch.full((1,), enc.size(1), device=enc.device)
    logits = decoder(tokens_in, tokens_lens + 1, enc, enc_lens).logits
    log_probs = logits.log_softmax(dim=-1).gather(2, targets[..., None]).squeeze(2)
    is_target = torch.arange(targets.size(1), device=targets.device) <= tokens_lens[:, None]
    return torch.where(is_target, log_probs, 0.0)
