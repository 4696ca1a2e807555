"""Parts, transcripts and audio of LibriSpeech (OpenSLR 12)."""

from dataclasses import dataclass
from pathlib import Path

from moeasr.corpus.download import openslr
from moeasr.corpus.obtain import Corpus
from moeasr.datadir.write import Utterance
from moeasr.errors import InputError
from moeasr.text_lines import read_lines


@dataclass(frozen=True)
class Part:
    """A part of the corpus, which has its own archive."""

    name: str
    """Name of the part, such as `train-clean-100`."""
    num_bytes: int
    """Size of the archive."""
    md5: str
    """Checksum of the archive, from OpenSLR's md5sum.txt."""
    num_utts: int
    """Number of utterances."""

    @property
    def corpus(self) -> Corpus:
        """Return the sources of the archive."""
        return Corpus(
            tree=f"LibriSpeech/{self.name}",
            sample="*/*/*.trans.txt",
            published=openslr(12, f"{self.name}.tar.gz", self.num_bytes, self.md5),
            other_archives=("LibriSpeech-excerpts.tar.gz",),
        )


PARTS = {
    part.name: part
    for part in (
        Part("train-clean-100", 6387309499, "2a93770f6d5c6c964bc36631d331a522", 28539),
        Part("train-clean-360", 23049477885, "c0e676e450a7ff2f54aeade5171606fa", 104014),
        Part("train-other-500", 30593501606, "d1a0fd59409feb2c614ce4d30c387708", 148688),
        Part("dev-clean", 337926286, "42e2234ba48799c1f50f24a7926300a1", 2703),
        Part("dev-other", 314305928, "c8d0bcc9cca99d4f8b62fcc847357931", 2864),
        Part("test-clean", 346663984, "32fa31d27d2e1cad72775fee3f4849a9", 2620),
        Part("test-other", 328757843, "fb5a50374b501bb3bac4815ee91d3135", 2939),
    )
}


def read_part(root: Path) -> list[Utterance]:
    """Read the utterances of one part, in the order of their ids.

    Args:
        root: Directory of the part, with `<reader>/<chapter>/<reader>-<chapter>.trans.txt` and
            `.flac` files beside it. A line of the `.trans.txt` file is `<utt> <WORDS>`.

    Returns:
        The utterances, with the reader as speaker and words in upper case.

    Raises:
        InputError: A chapter has no .trans.txt, a line is malformed or has no audio, or an audio
            file has no line.
    """
    utterances = []
    for chapter in sorted(path for path in root.glob("*/*") if path.is_dir()):
        path = chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt"
        untold = {audio.stem for audio in chapter.glob("*.flac")}
        for number, line in read_lines(path):
            utt_id, *words = line.split() or [""]
            audio = chapter / f"{utt_id}.flac"
            if not words:
                raise InputError(f"{path}:{number}: must be `<utterance> <words>`, but is '{line}'")
            if utt_id not in untold:
                fault = "has two transcripts" if audio.is_file() else f"has no audio {audio}"
                raise InputError(f"{path}:{number}: utterance {utt_id} {fault}")
            untold.remove(utt_id)
            utterances.append(Utterance(utt_id, utt_id.partition("-")[0], " ".join(words), audio))
        if untold:
            raise InputError(f"{path}: utterance {min(untold)} has audio but no transcript")
    return sorted(utterances, key=lambda utterance: utterance.utt_id)
