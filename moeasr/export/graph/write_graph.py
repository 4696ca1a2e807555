"""The decoding graph of language model and phrases, which sherpa-onnx reads (`--ctc-graph`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from moeasr.decode.fusion.build_fusion import build_fusion
from moeasr.decode.fusion.config import FusionConfig
from moeasr.decode.fusion.ngram import UnitNgram, WordNgram
from moeasr.decode.fusion.phrases import ContextGraph
from moeasr.decode.fusion.protocol import FusionSum
from moeasr.errors import InputError
from moeasr.export.graph.acceptor import Acceptor
from moeasr.export.graph.backoff import BackoffTable
from moeasr.export.graph.openfst import compose, load_kaldifst, minimize, write_fst
from moeasr.export.graph.phrase_graph import phrase_acceptor
from moeasr.export.graph.topology import ctc_topology
from moeasr.export.graph.unit_graph import unit_acceptor
from moeasr.export.graph.word_graph import word_acceptor
from moeasr.text.tokenizer import Tokenizer

GRAPH_FILE = "graph.fst"


@dataclass(frozen=True)
class GraphRecord:
    """The settings and the size of a decoding graph."""

    settings: dict[str, Any]
    """The settings of language model and phrases."""
    num_states: int
    num_arcs: int
    num_bytes: int


def write_graph(folder: Path, tokenizer: Tokenizer, config: FusionConfig) -> GraphRecord:
    """Write the decoding graph `graph.fst` of language model and phrases into a model folder.

    Args:
        folder: The model folder.
        tokenizer: The model's units.
        config: Settings of language model and phrases.

    Raises:
        InputError: kaldifst is not installed, there is neither language model nor phrases, or a
            file is missing or invalid, or does not match the units.
    """
    load_kaldifst()
    fusion = build_fusion(config, tokenizer)
    if fusion is None:
        raise InputError("a decoding graph needs a language model (--lm) or phrases (--context)")
    path = folder / GRAPH_FILE
    num_states, num_arcs = write_fst(build_graph(fusion), path)
    settings = config.describe() or {}
    return GraphRecord(settings, num_states, num_arcs, path.stat().st_size)


def build_graph(fusion: nn.Module) -> Acceptor:
    """Return the decoding graph of a fusion."""
    return ctc_topology(minimize(fusion_acceptor(fusion)))


def fusion_acceptor(fusion: nn.Module) -> Acceptor:
    """Return the acceptor of all unit sequences, whose scores are those of the fusion."""
    if isinstance(fusion, FusionSum):
        first, *others = map(fusion_acceptor, fusion.parts)
        for other in others:
            first = compose(first, other)
        return first
    if isinstance(fusion, ContextGraph):
        return phrase_acceptor(fusion)
    assert isinstance(fusion, WordNgram | UnitNgram)
    histories = BackoffTable(fusion.network.automaton)
    if isinstance(fusion, WordNgram):
        return word_acceptor(fusion, histories)
    return unit_acceptor(fusion, histories)
