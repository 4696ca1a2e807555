"""Intermediate CTC: the CTC loss of the outputs of blocks in the middle of the encoder."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from moeasr.config_roles import OBJECTIVE
from moeasr.errors import InputError
from moeasr.models.encoders.block_encoder import BlockEncoder
from moeasr.models.heads.ctc_head import CtcHead
from moeasr.ranges import check_blocks, check_fraction


class SelfConditioning(nn.Module):
    """A projection of intermediate CTC posteriors, which the next block receives (2104.02724).

    Args:
        ctc: The CTC head, whose weights the intermediate and the final predictions share.
        d_model: Width D of the encoder.
        num_uses: Number of blocks whose outputs are conditioned.
    """

    def __init__(self, ctc: CtcHead, d_model: int, num_uses: int) -> None:
        super().__init__()
        self.ctc = ctc
        self.project = nn.Linear(ctc.project.out_features, d_model)
        self.num_uses = num_uses

    @property
    def macs_per_frame(self) -> int:
        """Number of multiply-adds for one frame, after all blocks together."""
        return self.num_uses * (self.ctc.project.weight.numel() + self.project.weight.numel())

    def forward(self, x: Tensor) -> Tensor:
        """Return what is added to the frames after a block, (B, T, D) -> (B, T, D)."""
        return self.project(self.ctc.log_probs(x).exp().to(x.dtype))


@dataclass(frozen=True, kw_only=True)
class IntermediateCtcConfig:
    """Intermediate CTC (arXiv 2102.03216), optionally with self-conditioning (arXiv 2104.02724)."""

    blocks: tuple[int, ...] = field(default=(), metadata=OBJECTIVE)
    """Numbers of the encoder blocks, from 1, whose outputs have a CTC loss in training. The norm of
    the encoder and the CTC head are applied to these outputs as to the last one."""
    weight: float = field(default=0.3, metadata=OBJECTIVE)
    """Weight w in (1 - w) CTC + w (mean of the intermediate losses), which training uses in place
    of the CTC loss."""
    conditioned_blocks: tuple[int, ...] = ()
    """Numbers from `blocks` after which the CTC posteriors are projected and added to the input of
    the next block (self-conditioning). This is part of the network, in training, decoding and
    streams."""

    def __post_init__(self) -> None:
        """Check that all values are in range."""
        check_fraction("weight", self.weight)
        check_blocks("blocks", self.blocks)
        for number in self.conditioned_blocks:
            if number not in self.blocks:
                raise InputError(f"`conditioned_blocks` contains {number}, but `blocks` does not")

    def attach(self, encoder: BlockEncoder, ctc: CtcHead) -> None:
        """Let an encoder return the outputs of the blocks."""
        encoder.intermediate_blocks = frozenset(self.blocks)
        encoder.conditioned_blocks = frozenset(self.conditioned_blocks)
        if self.conditioned_blocks:
            num_uses = len(encoder.conditioned_blocks)
            encoder.conditioning = SelfConditioning(ctc, encoder.d_model, num_uses)
