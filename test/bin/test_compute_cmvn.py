"""The `compute-cmvn` command, which computes global statistics of features."""

from pathlib import Path

import pytest
import torch
from rounding import assert_close

from moeasr.bin.compute_cmvn import main
from moeasr.errors import InputError
from moeasr.features.archive import open_archive
from moeasr.features.cmvn import CmvnStats


def write(folder: Path, matrices: dict[str, torch.Tensor]) -> None:
    with open_archive(folder / "f.ark", folder / "feats.scp") as archive:
        for utt_id, feats in matrices.items():
            archive.write(utt_id, feats)


def compute(folder: Path) -> CmvnStats:
    main(["--scp", str(folder / "feats.scp"), "--out", str(folder / "global_cmvn")])
    return CmvnStats.load(folder / "global_cmvn")


def test_statistics_are_mean_and_deviation_of_all_frames(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = {f"u{n}": 5 + 2 * torch.randn(n + 1, 3, generator=generator) for n in range(20)}
    write(tmp_path, matrices)
    stats = compute(tmp_path)
    frames = torch.cat(list(matrices.values())).double().numpy()
    mean, istd = stats.mean_istd()
    assert stats.frame_num == 210
    for found, expected in ((mean, frames.mean(0)), (istd, 1 / frames.std(0))):
        expected = torch.from_numpy(expected)
        assert_close(found, expected, 1, expected.abs())  # float64, rounded once


def refused(folder: Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compute(folder)
    assert not (folder / "global_cmvn").exists()


def test_invalid_features_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    refused(tmp_path, "feats.scp")
    (tmp_path / "feats.scp").write_text("")
    refused(tmp_path, "feats.scp contains no utterances")
    write(tmp_path, {"a": torch.zeros(0, 0), "b": torch.zeros(0, 0)})
    refused(tmp_path, "CMVN statistics contain no frames")
    write(tmp_path, {"a": torch.ones(2, 3), "b": torch.full((2, 3), float("inf"))})
    refused(tmp_path, "features of utterance b .* are not finite")
    write(tmp_path, {"a": torch.ones(2, 3), "b": torch.ones(2, 4)})
    refused(tmp_path, "utterance b: features with 4 bins cannot be added to CMVN")
    write(tmp_path, {"a": torch.ones(2, 3), "b": torch.ones(2, 3)})
    ark = tmp_path / "f.ark"
    ark.write_bytes(ark.read_bytes()[:-1])
    refused(tmp_path, "utterance b: archive .*f.ark is truncated")
