"""Operations of OpenFst on acceptors, through kaldifst: composition, minimisation, and files."""

from pathlib import Path
from types import ModuleType
from typing import Any

from moeasr.atomic import atomic_path
from moeasr.deploy.optional_packages import import_optional
from moeasr.errors import InputError
from moeasr.export.graph.acceptor import EPSILON, Acceptor

ROUNDING = 1e-5
"""Scores are rounded to multiples of this number before they are compared."""


def load_kaldifst() -> ModuleType:
    """Import kaldifst.

    Raises:
        InputError: kaldifst is not installed.
    """
    return import_optional("kaldifst")


def compose(first: Acceptor, second: Acceptor) -> Acceptor:
    """Return the acceptor that adds the scores of two acceptors.

    Both acceptors may have arcs that read nothing.
    """
    kaldifst = load_kaldifst()
    fsts = [_to_fst(part, is_transducer=False) for part in (first, second)]
    kaldifst.arcsort(fsts[0], "olabel")
    return _from_fst(kaldifst.compose(*fsts))


def minimize(acceptor: Acceptor) -> Acceptor:
    """Return an acceptor of the same sequences and scores with its equivalent states merged."""
    fst = _to_fst(acceptor, is_transducer=False)
    load_kaldifst().minimize_encoded(fst, ROUNDING)
    return _from_fst(fst)


def write_fst(acceptor: Acceptor, path: Path) -> tuple[int, int]:
    """Write the file that `--ctc-graph` of sherpa-onnx reads.

    The output labels of all arcs are 0, because sherpa-onnx makes its text from the input labels.

    Returns:
        The numbers of states and arcs in the file. States that are on no path to the end are left
        out.
    """
    kaldifst = load_kaldifst()
    fst = _to_fst(acceptor, is_transducer=True)
    kaldifst.connect(fst)
    kaldifst.arcsort(fst, "ilabel")
    with atomic_path(path) as temporary:
        fst.write(str(temporary))
    return fst.num_states, sum(fst.num_arcs(state) for state in range(fst.num_states))


def check_fst(path: Path) -> None:
    """Raise `InputError` unless a file holds a complete graph; others crash sherpa-onnx."""
    if load_kaldifst().StdVectorFst.read(str(path)) is None:
        raise InputError(
            f"{path} is damaged or is not a decoding graph; export the checkpoint again"
        )


def _to_fst(acceptor: Acceptor, is_transducer: bool) -> Any:
    kaldifst = load_kaldifst()
    fst = kaldifst.StdVectorFst()
    for _ in range(acceptor.num_states):
        fst.add_state()
    fst.start = 0
    add, arc = fst.add_arc, kaldifst.StdArc
    for source, label, score, target in zip(*(column.tolist() for column in acceptor.arcs())):
        add(source, arc(label, EPSILON if is_transducer else label, -score, target))
    for state, score in acceptor.finals.items():
        fst.set_final(state, -score)
    return fst


def _from_fst(fst: Any) -> Acceptor:
    kaldifst = load_kaldifst()
    acceptor = Acceptor()
    acceptor.num_states = fst.num_states
    # The start of an acceptor is state 0, so the numbers 0 and `start` are exchanged.
    numbers = list(range(fst.num_states))
    numbers[0], numbers[fst.start] = numbers[fst.start], numbers[0]
    for state, number in enumerate(numbers):
        for arc in kaldifst.ArcIterator(fst, state):
            acceptor.add_arc(number, arc.ilabel, -arc.weight.value, numbers[arc.nextstate])
        final = fst.final(state).value
        if final != float("inf"):
            acceptor.finals[number] = -final
    return acceptor
