"""Normalisation of features by the statistics of the training set, as a layer."""

from torch import Tensor, nn


class GlobalCmvn(nn.Module):
    """Normalisation of each mel bin by the mean and standard deviation of the training set.

    It is part of the network, so that streaming and exported models always include it.

    Args:
        mean: Mean, (F,).
        istd: Inverse of the standard deviation, (F,).
    """

    def __init__(self, mean: Tensor, istd: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("istd", istd.clone())

    def forward(self, feats: Tensor) -> Tensor:
        """Normalise log-mel features (B, T, F)."""
        return (feats - self.mean) * self.istd
