"""Data directories of features whose transcripts are letters, and a tokenizer of letters."""

from pathlib import Path

import torch

from moeasr.data.selection import LengthLimits
from moeasr.features.archive import open_archive

LIMITS = LengthLimits(min_frames=8, max_frames=100, max_tokens=12)


class Letters:
    """Lower-case letters are tokens from 3 on; anything else is unknown."""

    def encode(self, text: str) -> list[int]:
        return [ord(c) - 94 if c.islower() else 1 for c in text]

    def unknown(self, text: str) -> list[str]:
        return [c for c in text if not c.islower()]

    def state(self) -> dict[str, str]:
        return {"units": "letters"}


def quarter(num_frames: int) -> int:
    return num_frames // 4


def features(num_frames: int) -> torch.Tensor:
    return torch.randn(num_frames, 6, generator=torch.Generator().manual_seed(num_frames))


def make_dir(folder: Path, utterances: dict[str, tuple[int, str]], lengths: bool = True) -> Path:
    """A data directory with features of the given lengths and transcripts."""
    with open_archive(folder / "f.ark", folder / "feats.scp") as archive:
        for utt_id, (num_frames, _) in utterances.items():
            archive.write(utt_id, features(num_frames))
    text = "".join(f"{utt_id} {text}\n" for utt_id, (_, text) in utterances.items())
    (folder / "text").write_text(text)
    if lengths:
        table = "".join(f"{utt_id} {length}\n" for utt_id, (length, _) in utterances.items())
        (folder / "utt2num_frames").write_text(table)
    return folder
