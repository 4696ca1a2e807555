"""Global mean and variance of the features of a training set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from moeasr.atomic import atomic_path
from moeasr.errors import InputError
from moeasr.strict_json import to_json

VARIANCE_FLOOR = 1e-4
"""A bin that (nearly) never changes is not blown up by more than 1/sqrt of this."""


@dataclass(frozen=True)
class CmvnStats:
    """Sums over frames, in WeNet's file format: they merge by addition.

    Attributes:
        mean_stat: (F,) float64 sums of the features.
        var_stat: (F,) float64 sums of their squares.
        frame_num: Number of frames summed.
    """

    mean_stat: torch.Tensor
    var_stat: torch.Tensor
    frame_num: int

    @classmethod
    def empty(cls, num_mel_bins: int) -> "CmvnStats":
        """Statistics of no frames."""
        zeros = torch.zeros(num_mel_bins, dtype=torch.float64)
        return cls(zeros, zeros.clone(), 0)

    @classmethod
    def of(cls, feats: torch.Tensor) -> "CmvnStats":
        """Statistics of one utterance.

        Args:
            feats: (T, F).
        """
        # float64: the sum of squares of 1e8 frames leaves float32 no digits for the variance
        feats = feats.to(torch.float64)
        return cls(feats.sum(0), feats.square().sum(0), feats.size(0))

    def accumulate(self, feats: torch.Tensor) -> "CmvnStats":
        """These statistics and those of one more utterance `feats` (T, F)."""
        return self.merge([CmvnStats.of(feats)])

    def merge(self, others: Sequence["CmvnStats"]) -> "CmvnStats":
        """The statistics of these frames and of `others` together.

        Raises:
            InputError: The numbers of bins differ.
        """
        mean_stat, var_stat, frame_num = self.mean_stat, self.var_stat, self.frame_num
        for other in others:
            if other.mean_stat.shape != mean_stat.shape:
                raise InputError(
                    f"features of {other.mean_stat.numel()} bins cannot join CMVN statistics "
                    f"of {mean_stat.numel()}"
                )
            mean_stat = mean_stat + other.mean_stat
            var_stat = var_stat + other.var_stat
            frame_num += other.frame_num
        return CmvnStats(mean_stat, var_stat, frame_num)

    def mean_istd(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean and the inverse standard deviation of each bin.

        Returns:
            mean (F,) and istd (F,), float32; features are normalised as (x - mean) * istd.

        Raises:
            InputError: No frames were counted.
        """
        if self.frame_num < 1:
            raise InputError("CMVN statistics hold no frames")
        mean = self.mean_stat / self.frame_num
        variance = (self.var_stat / self.frame_num - mean.square()).clamp(min=VARIANCE_FLOOR)
        return mean.float(), variance.rsqrt().float()

    def save(self, path: str | Path) -> None:
        """Write WeNet's `global_cmvn` JSON."""
        content = {
            "mean_stat": self.mean_stat.tolist(),
            "var_stat": self.var_stat.tolist(),
            "frame_num": self.frame_num,
        }
        with atomic_path(path) as temporary:
            temporary.write_text(to_json(content) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "CmvnStats":
        """Read WeNet's `global_cmvn` JSON.

        Raises:
            InputError: The file is missing, or is not such a file.
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
        if mean_stat.ndim != 1 or mean_stat.shape != var_stat.shape or mean_stat.numel() == 0:
            raise InputError(f"CMVN file {path}: mean_stat and var_stat differ in length")
        if not bool(torch.isfinite(mean_stat).all() and torch.isfinite(var_stat).all()):
            raise InputError(f"CMVN file {path} holds values that are not finite")
        return cls(mean_stat, var_stat, frame_num)
