"""Cepstral mean and variance normalization (CMVN): global statistics of a training set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.strict_json import to_json

VARIANCE_FLOOR = 1e-4
"""Smallest variance of a bin, so that a nearly constant bin is not scaled by more than 1/sqrt of
this value."""


@dataclass(frozen=True)
class CmvnStats:
    """Sums of features over frames, which are merged by addition and stored in WeNet's format.

    Attributes:
        mean_stat: (F,) float64 sums of the features.
        var_stat: (F,) float64 sums of the squared features.
        frame_num: Number of frames summed.
    """

    mean_stat: torch.Tensor
    var_stat: torch.Tensor
    frame_num: int

    @classmethod
    def empty(cls, num_mel_bins: int) -> "CmvnStats":
        """Return the statistics of no frames."""
        zeros = torch.zeros(num_mel_bins, dtype=torch.float64)
        return cls(zeros, zeros.clone(), 0)

    @classmethod
    def of(cls, feats: torch.Tensor) -> "CmvnStats":
        """Return the statistics of one utterance.

        Args:
            feats: (T, F) features.
        """
        # float64: float32 sums of squares of 1e8 frames would leave no digits for the variance
        feats = feats.to(torch.float64)
        return cls(feats.sum(0), feats.square().sum(0), feats.size(0))

    def accumulate(self, feats: torch.Tensor) -> "CmvnStats":
        """Return the sum of these statistics and those of another utterance, (T, F) features."""
        return self.merge([CmvnStats.of(feats)])

    def merge(self, others: Sequence["CmvnStats"]) -> "CmvnStats":
        """Return the sum of these statistics and `others`.

        Raises:
            InputError: The numbers of bins differ.
        """
        mean_stat, var_stat, frame_num = self.mean_stat, self.var_stat, self.frame_num
        for other in others:
            if other.mean_stat.shape != mean_stat.shape:
                raise InputError(
                    f"features with {other.mean_stat.numel()} bins cannot be added to CMVN "
                    f"statistics with {mean_stat.numel()} bins"
                )
            mean_stat = mean_stat + other.mean_stat
            var_stat = var_stat + other.var_stat
            frame_num += other.frame_num
        return CmvnStats(mean_stat, var_stat, frame_num)

    def mean_istd(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean and the inverse standard deviation of each bin.

        Returns:
            mean (F,) and istd (F,), float32; features are normalized as (x - mean) * istd.

        Raises:
            InputError: The statistics contain no frames.
        """
        if self.frame_num < 1:
            raise InputError("the CMVN statistics contain no frames")
        mean = self.mean_stat / self.frame_num
        variance = (self.var_stat / self.frame_num - mean.square()).clamp(min=VARIANCE_FLOOR)
        return mean.float(), variance.rsqrt().float()

    def save(self, path: str | Path) -> None:
        """Write the statistics in the JSON format of WeNet's `global_cmvn`."""
        content = {
            "mean_stat": self.mean_stat.tolist(),
            "var_stat": self.var_stat.tolist(),
            "frame_num": self.frame_num,
        }
        with atomic_path(path) as temporary:
            temporary.write_text(to_json(content) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "CmvnStats":
        """Read statistics in the JSON format of WeNet's `global_cmvn`.

        Raises:
            InputError: The file is missing or has another format.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            mean_stat = torch.tensor(content["mean_stat"], dtype=torch.float64)
            var_stat = torch.tensor(content["var_stat"], dtype=torch.float64)
            frame_num = int(content["frame_num"])
        except FileNotFoundError:
            raise InputError(f"CMVN file {path} does not exist") from None
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise InputError(
                f"CMVN file {path} is not JSON with mean_stat, var_stat and frame_num: {error}"
            ) from None
        for name, stat in (("mean_stat", mean_stat), ("var_stat", var_stat)):
            if stat.ndim != 1 or stat.numel() == 0:
                raise InputError(f"CMVN file {path}: {name} must be a list of at least one number")
        if mean_stat.shape != var_stat.shape:
            raise InputError(
                f"CMVN file {path}: mean_stat has {mean_stat.numel()} numbers, but var_stat "
                f"{var_stat.numel()}"
            )
        if not bool(torch.isfinite(mean_stat).all() and torch.isfinite(var_stat).all()):
            raise InputError(f"CMVN file {path} contains values that are not finite")
        return cls(mean_stat, var_stat, frame_num)
