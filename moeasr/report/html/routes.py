"""The routes of all encoder frames of a data set, with the CTC alignment of its transcripts."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from moeasr.data.batch import Batch
from moeasr.decode.ctc.forced_alignment import align_tokens
from moeasr.decode.recognizer import Recognizer
from moeasr.models.outputs import EncoderOutput
from moeasr.report.expert_usage import read_batches


@dataclass(frozen=True, kw_only=True)
class RoutedUtterance:
    """The alignment of one utterance."""

    utt_id: str
    num_frames: int
    """Number of encoder frames."""
    tokens: tuple[int, ...]
    """Unit ids of the transcript."""
    spans: tuple[tuple[int, int], ...]
    """First frame of each token on the best CTC alignment, and the frame after its last. It is
    empty if the transcript cannot be aligned."""
    feats: np.ndarray | None = None
    """Log-mel features (T, F), kept only for utterances that are shown."""


@dataclass(frozen=True, kw_only=True)
class Routes:
    """The first expert of each of the N encoder frames of a data set, in each of the L layers.

    The first expert of a frame is the one with the largest weight.
    """

    num_experts: dict[str, int]
    """Number of experts of each MoE layer of the encoder, by the path of the layer."""
    first: np.ndarray
    """First expert by layer and frame, (L, N) int16."""
    starts: np.ndarray
    """First frame of each utterance, and N at the end, (U + 1,) int64."""
    utterances: tuple[RoutedUtterance, ...]
    """The U utterances, in the order of their ids."""

    @property
    def utterance_of_frame(self) -> np.ndarray:
        """Index of the utterance of each frame, (N,)."""
        return np.repeat(np.arange(len(self.utterances)), np.diff(self.starts))

    def of(self, index: int) -> np.ndarray:
        """Return the (L, T') first experts of one utterance."""
        return self.first[:, self.starts[index] : self.starts[index + 1]]


def collect_routes(
    recognizer: Recognizer,
    data_dir: str | Path,
    batch_frames: int,
    shown: Collection[str] = (),
) -> Routes:
    """Run the encoder on a data directory with full context, and align the transcripts.

    Args:
        recognizer: The model. A model without experts gives routes of no layers.
        data_dir: A data directory with `text`, and with features or audio.
        batch_frames: Number of feature frames per batch, padding included.
        shown: Ids of the utterances whose features are kept.

    Raises:
        InputError: No utterance can be used, or the features do not fit the model.
    """
    _, batches = read_batches(recognizer, data_dir, batch_frames)
    num_experts: dict[str, int] = {}
    found: list[tuple[RoutedUtterance, np.ndarray]] = []
    for batch in batches:
        output, log_probs = _encode(recognizer, batch)
        lens = output.enc_lens.tolist()
        routings = {
            name: routing
            for name, routing in output.routings.items()
            if len(routing.expert_ids) == sum(lens)  # the frame rate of the encoder output
        }
        num_experts = {name: routing.num_experts for name, routing in routings.items()}
        first = [routing.first_experts().cpu().numpy() for routing in routings.values()]
        routes = np.array(first, dtype=np.int16).reshape(len(first), sum(lens))
        for row, part in enumerate(np.split(routes, np.cumsum(lens)[:-1], axis=1)):
            tokens = batch.tokens[row, : batch.tokens_lens[row]].tolist()
            alignment = align_tokens(log_probs[row, : lens[row]], tokens)
            utterance = RoutedUtterance(
                utt_id=batch.utt_ids[row],
                num_frames=lens[row],
                tokens=tuple(tokens),
                spans=() if alignment is None else alignment.spans,
                feats=_features(batch, row) if batch.utt_ids[row] in shown else None,
            )
            found.append((utterance, part))
    found.sort(key=lambda item: item[0].utt_id)
    utterances = tuple(utterance for utterance, _ in found)
    return Routes(
        num_experts=num_experts,
        first=np.concatenate([part for _, part in found], axis=1),
        starts=np.cumsum([0, *(utterance.num_frames for utterance in utterances)]),
        utterances=utterances,
    )


@torch.inference_mode()
def _encode(recognizer: Recognizer, batch: Batch) -> tuple[EncoderOutput, torch.Tensor]:
    """Return the encoder output of a batch and its (B, T', V) CTC log-probabilities on the CPU."""
    model = recognizer.model
    feats = batch.feats.to(recognizer.dtype)
    output = model.encode(feats, batch.feats_lens, languages=batch.languages)
    return output, model.ctc_log_probs(output.enc).float().cpu()


def _features(batch: Batch, row: int) -> np.ndarray:
    return batch.feats[row, : batch.feats_lens[row]].cpu().numpy()
