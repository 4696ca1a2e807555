"""Units that are the byte-pair-encoding (BPE) pieces of a sentencepiece model.

The model is trained without sentencepiece's normalization, which would replace full-width letters
and compatibility characters. Joining the pieces thus gives the same text again. A piece that begins
with U+2581 begins a word.
"""

import io
import re
from collections.abc import Iterable, Sequence

import sentencepiece

from moeasr.errors import InputError
from moeasr.text.byte_units import merge_bytes
from moeasr.text.dictionary import SPECIAL_UNITS, UNK
from moeasr.text.normalize import SPACE_UNIT

# sentencepiece requires an unknown piece. It gets this name so that `<unk>` can be an ordinary
# symbol of transcripts. Neither of the two becomes an additional unit.
_MODEL_UNK = "<spm_unk>"
# Number of pieces of the model that are not additional units: `<spm_unk>` and `<unk>`.
_NUM_NON_UNITS = 2
_MAX_SENTENCE_BYTES = 1 << 24  # the default, 4192, silently drops longer transcripts


class BpeSplitter:
    """A splitter of text into BPE pieces, which can also join pieces into text.

    Args:
        model: The bytes of a sentencepiece model trained by `train_bpe`.

    Raises:
        InputError: The bytes are not a sentencepiece model.
    """

    def __init__(self, model: bytes) -> None:
        try:
            self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
            self._processor.encode("a")  # an empty model loads, and fails only here
        except (RuntimeError, OSError) as error:
            raise InputError(f"not a sentencepiece model: {_first_line(error)}") from None

    def split(self, text: str) -> list[str]:
        """Split a normalised text into pieces. A character unknown to the model is a piece."""
        return self._processor.encode(text, out_type=str)

    def join(self, units: Sequence[str]) -> str:
        """Join pieces into a text. Bytes become characters, and successive spaces become one."""
        text = "".join(piece for piece, _ in merge_bytes(units))
        return " ".join(text.replace(SPACE_UNIT, " ").split())

    def symbols(self) -> list[str]:
        """Return the pieces that are units."""
        pieces = (self._processor.id_to_piece(i) for i in range(self._processor.vocab_size()))
        return [piece for piece in pieces if piece not in (_MODEL_UNK, UNK)]


def train_bpe(texts: Iterable[str], vocab_size: int, non_lang_syms: Sequence[str] = ()) -> bytes:
    """Train a BPE model; the same texts always give the same bytes.

    Args:
        texts: Normalised transcripts.
        vocab_size: Number of lines in units.txt, including `<blank> <unk> <sos/eos>`.
        non_lang_syms: Symbols that become one piece each.

    Returns:
        The bytes of the model file.

    Raises:
        InputError: There is no text, or a vocabulary of this size cannot be learned from it.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([text for text in texts if text]),
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size - len(SPECIAL_UNITS) + _NUM_NON_UNITS,
            character_coverage=1.0,
            normalization_rule_name="identity",
            unk_id=0,
            unk_piece=_MODEL_UNK,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            user_defined_symbols=[UNK, *non_lang_syms],
            max_sentence_length=_MAX_SENTENCE_BYTES,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise InputError(_training_fault(str(error), vocab_size)) from None
    return model.getvalue()


def extend_bpe(model: bytes, characters: Iterable[str], symbols: Iterable[str] = ()) -> bytes:
    """Add pieces to a model, which splits texts without them as before.

    The new pieces are single characters with lower scores than all others. No merge leads to them,
    and they are not merged, so that the old pieces of a text stay the same.

    Args:
        model: The bytes of the model file.
        characters: Characters that the model does not know.
        symbols: Symbols that become one piece each wherever they appear in a text.

    Returns:
        The bytes of the extended model file.
    """
    # It needs protobuf, which tensorboard installs and recognition does without.
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    lowest = min(piece.score for piece in proto.pieces)
    kinds = proto.SentencePiece
    for number, character in enumerate(characters, start=1):
        proto.pieces.add(piece=character, score=lowest - number, type=kinds.NORMAL)
    for symbol in symbols:
        proto.pieces.add(piece=symbol, score=0.0, type=kinds.USER_DEFINED)
    return proto.SerializeToString(deterministic=True)


def _training_fault(message: str, vocab_size: int) -> str:
    """Translate an error of sentencepiece, with sizes that include the special units."""
    offset = len(SPECIAL_UNITS) - _NUM_NON_UNITS
    too_small = re.search(r"smaller than required_chars\. \d+ vs (\d+)", message)
    if too_small:
        least = int(too_small.group(1)) + offset
        return (
            f"the vocabulary size {vocab_size} is too small: it must be at least {least}, the "
            f"number of characters of the text plus {' '.join(SPECIAL_UNITS)}"
        )
    too_large = re.search(r"set it to a value <= (\d+)", message)
    if too_large:
        most = int(too_large.group(1)) + offset
        return f"the vocabulary size {vocab_size} is too large: the text gives at most {most} units"
    if "sentences_.empty()" in message:
        return "there is no text to train BPE units on"
    return f"sentencepiece cannot learn {vocab_size} units from the text: {message}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
