"""The experts of a model on a data set: the labels of their frames, and their overlap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moeasr.checkpoint import AVERAGE
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.report.html.dependence import (
    Dependence,
    measure_dependence,
    untestable_reason,
)
from moeasr.report.html.expert_overlap import (
    SharedFrames,
    agreement,
    closest_experts,
    layer_relations,
)
from moeasr.report.html.frame_labels import (
    FrameLabels,
    alignment_labels,
    phone_labels,
    utterance_labels,
)
from moeasr.report.html.routes import Routes, collect_routes

NUM_CHECKPOINTS = 3
"""Largest number of earlier checkpoints that are compared with the average."""
NUM_PAIRS = 10
"""Number of overlapping pairs of experts that are listed."""


@dataclass(frozen=True, kw_only=True)
class LabelFacts:
    """The dependence of all layers on one kind of label."""

    name: str
    classes: list[str]
    """The classes that occur."""
    is_ordered: bool
    """True if the order of the classes has a meaning."""
    layers: list[Dependence]
    """The dependence of each layer; empty if it cannot be tested."""
    note: str | None
    """The reason why it cannot be tested, as a sentence."""

    @property
    def strongest(self) -> int | None:
        """Index of the layer that depends most on the label; None if it cannot be tested."""
        return max(
            range(len(self.layers)), key=lambda layer: self.layers[layer].share, default=None
        )


@dataclass(frozen=True, kw_only=True)
class ExpertFacts:
    """The experts of the encoder on a data set."""

    layers: list[str]
    """Paths of the MoE layers of the encoder."""
    num_experts: list[int]
    """Number of experts of each layer."""
    num_utts: int
    num_frames: int
    num_unaligned: int
    """Number of utterances whose transcript cannot be aligned."""
    num_permutations: int
    labels: list[LabelFacts]
    relations: np.ndarray
    """Relation of the routes of each pair of layers, (L, L); see `expert_overlap.relation`."""
    closest: list[SharedFrames]
    """Pairs of experts in different layers that overlap most."""
    checkpoints: dict[str, list[float]]
    """Share of frames of each layer that take the same expert in an earlier checkpoint, by the name
    of the checkpoint."""


def measure_experts(
    routes: Routes,
    labels: Sequence[FrameLabels],
    checkpoints: Mapping[str, list[float]],
    num_permutations: int,
) -> ExpertFacts:
    """Return the facts about the experts of a model with at least one MoE layer in its encoder."""
    return ExpertFacts(
        layers=list(routes.num_experts),
        num_experts=list(routes.num_experts.values()),
        num_utts=len(routes.utterances),
        num_frames=routes.first.shape[1],
        num_unaligned=sum(len(u.spans) != len(u.tokens) for u in routes.utterances),
        num_permutations=num_permutations,
        labels=[_label_facts(routes, label, num_permutations) for label in labels],
        relations=layer_relations(routes),
        closest=closest_experts(routes, NUM_PAIRS),
        checkpoints=dict(checkpoints),
    )


def read_labels(
    routes: Routes,
    recognizer: Recognizer,
    data_dir: str | Path,
    lexicon: Mapping[str, Sequence[str]] | None,
) -> list[FrameLabels]:
    """Return all labels that the files of a data directory and a lexicon give to frames.

    Raises:
        InputError: A table of labels lacks an utterance, or the lexicon fits no transcript.
    """
    labels = alignment_labels(routes, recognizer.tokenizer)
    if lexicon is not None:
        labels.insert(1, phone_labels(routes, recognizer.tokenizer, lexicon))
    return labels + utterance_labels(routes, data_dir)


def compare_checkpoints(
    exp_dir: Path, routes: Routes, data_dir: str | Path, batch_frames: int, device: str
) -> dict[str, list[float]]:
    """Return the agreement of the routes with those of earlier checkpoints, for each layer.

    At most `NUM_CHECKPOINTS` of the files `epoch_N.pt` are read, from the first to the last.

    Raises:
        InputError: A checkpoint is damaged, or its experts differ from those of the routes.
    """
    numbers = sorted(
        int(path.stem.removeprefix("epoch_"))
        for path in exp_dir.glob("epoch_*.pt")
        if path.stem.removeprefix("epoch_").isdecimal()
    )
    places = np.linspace(0, len(numbers) - 1, min(NUM_CHECKPOINTS, len(numbers)))
    found = {}
    for place in np.unique(places.round().astype(int)).tolist():
        name = f"epoch_{numbers[place]}.pt"
        recognizer = Recognizer.from_checkpoint(exp_dir / name, device)
        earlier = collect_routes(recognizer, data_dir, batch_frames)
        if earlier.num_experts != routes.num_experts:
            raise InputError(
                f"{exp_dir / name} has other experts than {exp_dir / AVERAGE}; remove one of them, "
                "or average the checkpoints again (stage 4)"
            )
        found[name] = agreement(earlier, routes)
    return found


def _label_facts(routes: Routes, label: FrameLabels, num_permutations: int) -> LabelFacts:
    note = untestable_reason(label, routes)
    used = np.unique(label.ids[label.ids >= 0])
    layers: list[Dependence] = []
    if note is None:
        layers = [
            dependence._replace(counts=dependence.counts[:, used])
            for dependence in measure_dependence(routes, label, num_permutations)
        ]
    return LabelFacts(
        name=label.name,
        classes=[label.classes[number] for number in used.tolist()],
        is_ordered=label.is_ordered,
        layers=layers,
        note=note,
    )
