"""Scores of unit sequences by a fusion, and language models to make fusions of."""

import random
from collections.abc import Sequence

import torch

from moeasr.decode.fusion.protocol import Fusion
from moeasr.text.arpa import NgramModel
from moeasr.text.kneser_ney import estimate

WORDS = ["A", "AB", "ABBA", "BA", "C"]
TEXTS = ["AB ABBA BA", "C A AB BA ABBA C AB", "BAB CC D A", "A AB A BA", "ABBA ABBA C"]


def fusion_score(fusion: Fusion, units: Sequence[int]) -> float:
    """Return the score of a complete sequence, unit by unit."""
    state, total = fusion.start(), 0.0
    for unit in units:
        scores, states = fusion.extend(state[None], torch.tensor([unit]))
        state, total = states[0, 0], total + float(scores[0, 0])
    return total + float(fusion.finish(state[None])[0])


def word_model(order: int) -> NgramModel:
    """Return a Kneser-Ney model of the words in the texts; the other words are unknown."""
    return estimate([[word for word in text.split() if word in WORDS] for text in TEXTS], order)


def random_units(vocab_size: int, rng: random.Random, count: int) -> list[list[int]]:
    """Return random unit sequences without `<blank>` and `<sos/eos>`, the ids 0 and 2."""
    units = [unit for unit in range(vocab_size) if unit not in (0, 2)]
    return [rng.choices(units, k=rng.randrange(9)) for _ in range(count)]
