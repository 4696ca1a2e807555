"""NIST `.trn` files for sclite: the words as the WER counts them, then `(speaker-utterance)`.

Score them with `sclite -s -i rm -r ref.trn trn -h hyp.trn trn`; without `-s` sclite ignores case.
sclite reads `@` as no word, `{ a / b }` as alternatives and a word in parentheses as optional;
text with such marks scores differently there. A line that begins with `;;` would be a comment,
which sclite leaves out without a word: a space before the text keeps it.
"""

from collections.abc import Iterable, Mapping

from moeasr.errors import InputError
from moeasr.text.scripts import split_words

COMMENT = ";;"


def trn_text(transcripts: Iterable[tuple[str, str]], utt2spk: Mapping[str, str]) -> str:
    """Return the lines of a `.trn` file.

    sclite takes the part of the id before the first `-` for the speaker, so a `-` in a speaker's
    name becomes `_`.

    Args:
        transcripts: (utterance id, text) in the order of the file.
        utt2spk: Speaker of each utterance.

    Raises:
        InputError: An utterance has no speaker.
    """
    lines = []
    for utt_id, text in transcripts:
        if utt_id not in utt2spk:
            raise InputError(f"utterance '{utt_id}' has no speaker")
        escape = " " if text.startswith(COMMENT) else ""
        words = " ".join(split_words(text))
        lines.append(f"{escape}{words} ({utt2spk[utt_id].replace('-', '_')}-{utt_id})\n")
    return "".join(lines)
