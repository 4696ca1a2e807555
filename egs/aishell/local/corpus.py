"""Archives, transcripts and audio of AISHELL-1 (OpenSLR 33)."""

from pathlib import Path

from moeasr.corpus.download import openslr
from moeasr.corpus.obtain import Corpus, unpack
from moeasr.errors import InputError
from moeasr.text_lines import read_lines

TRANSCRIPT = "transcript/aishell_transcript_v0.8.txt"
AISHELL = Corpus(
    tree="data_aishell",
    sample=TRANSCRIPT,
    published=openslr(33, "data_aishell.tgz", 15582913665, "2f494334227864a8a8fec932999db9d8"),
    other_archives=("data_aishell_sample.tar.xz",),
)
RESOURCE = Corpus(
    tree="resource_aishell",
    sample="lexicon.txt",
    published=openslr(33, "resource_aishell.tgz", 1246920, "957d480a0fcac85fc18e550756f624e5"),
)
NUM_UTTS = {"train": 120098, "dev": 14326, "test": 7176}
"""Number of utterances with a transcript in each set."""


def read_texts(root: Path) -> dict[str, str]:
    """Read the transcript of each utterance, without spaces.

    Utterances whose line has no text are left out.

    Raises:
        InputError: A line is not UTF-8, or an utterance has two lines.
    """
    path = root / TRANSCRIPT
    texts: dict[str, str] = {}
    for number, line in read_lines(path):
        utt_id, _, text = line.strip().partition(" ")
        if utt_id in texts:
            raise InputError(f"{path}:{number}: utterance {utt_id} has two transcripts")
        if text:
            texts[utt_id] = "".join(text.split())
    return texts


def audio_files(root: Path, speakers_dir: Path) -> dict[str, dict[str, Path]]:
    """Find the .wav file of each utterance in each set.

    Args:
        root: The `data_aishell` directory. Its audio is `wav/<set>/<speaker>/<utt>.wav`, or is
            packed in `wav/<speaker>.tar.gz` as `<set>/<speaker>/<utt>.wav`.
        speakers_dir: Directory into which the archives of speakers are unpacked.

    Raises:
        InputError: An archive is broken, or an utterance has two files.
    """
    unpacked = {path.name for path in root.glob("wav/*/*/")}
    trees = [root / "wav"]
    for archive in sorted(root.glob("wav/*.tar.gz")):
        speaker = archive.name.partition(".")[0]
        if speaker not in unpacked:
            trees.append(unpack(archive, speakers_dir / speaker, "", "*/*/*.wav"))
    audio: dict[str, dict[str, Path]] = {name: {} for name in NUM_UTTS}
    for tree in trees:
        for name, paths in audio.items():
            for path in sorted(tree.glob(f"{name}/*/*.wav")):
                if path.stem in paths:
                    raise InputError(f"{path} and {paths[path.stem]} have the same utterance id")
                paths[path.stem] = path
    return audio
