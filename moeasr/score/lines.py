"""One-line summaries of error rates in the formats of Kaldi and WeNet."""

from typing import Literal

from moeasr.score.error_rate import ErrorRate


def kaldi_rate_line(rate: ErrorRate, name: Literal["WER", "CER"], num_absent: int = 0) -> str:
    """Format Kaldi's line, followed by ` [PARTIAL]` if hypotheses are missing.

    `%WER 13.45 [ 2708 / 20138, 358 ins, 330 del, 2020 sub ]`
    """
    total = rate.total
    partial = " [PARTIAL]" if num_absent else ""
    return (
        f"%{name} {total.percent:.2f} [ {total.num_errors} / {total.num_ref}, "
        f"{total.ins} ins, {total.dels} del, {total.subs} sub ]{partial}"
    )


def kaldi_sentence_lines(rate: ErrorRate, num_absent: int = 0) -> list[str]:
    """Format Kaldi's sentence error rate and last line.

    `%SER 50.00 [ 1 / 2 ]` and `Scored 2 sentences, 0 not present in hyp.`
    """
    wrong, num_utts = rate.num_wrong_utts, len(rate.utterances)
    return [
        f"%SER {100.0 * wrong / num_utts:.2f} [ {wrong} / {num_utts} ]",
        f"Scored {num_utts} sentences, {num_absent} not present in hyp.",
    ]


def wenet_line(rate: ErrorRate) -> str:
    """Format WeNet's line: `Overall -> 4.63 % N=104765 C=100008 S=4626 D=131 I=89`."""
    total = rate.total
    return (
        f"Overall -> {total.percent:4.2f} % N={total.num_ref} C={total.hits} "
        f"S={total.subs} D={total.dels} I={total.ins}"
    )
