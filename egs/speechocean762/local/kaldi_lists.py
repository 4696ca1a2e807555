"""Reader of the lists of speechocean762 in Kaldi's format: `text`, `wav.scp` and `utt2spk`."""

from pathlib import Path

from moeasr.datadir.write import Utterance
from moeasr.errors import InputError
from moeasr.text_lines import read_lines


def read_set(root: Path, name: str) -> list[Utterance]:
    """Read one official set.

    The ids of the corpus have nine digits and do not begin with the speaker (speaker 0003 has the
    utterance 000030012), so the utterance id becomes `<speaker>-<id>`.

    Args:
        root: The directory that contains `train`, `test` and `WAVE`.
        name: "train" or "test".

    Returns:
        The utterances in the order of `wav.scp`, each with text, speaker and audio.

    Raises:
        InputError: A list is missing or malformed, the lists name different utterances, or an
            audio file is missing.
    """
    paths = _read_list(root / name / "wav.scp")
    texts = _read_list(root / name / "text")
    speakers = _read_list(root / name / "utt2spk")
    for other in ("text", "utt2spk"):
        listed = texts if other == "text" else speakers
        odd = paths.keys() ^ listed.keys()
        if odd:
            utt = min(odd)
            has, lacks = ("wav.scp", other) if utt in paths else (other, "wav.scp")
            raise InputError(f"{root / name / lacks}: utterance {utt} is missing, but {has} has it")
    utterances = []
    for utt, (place, path) in paths.items():
        audio = root / path
        if not audio.is_file():
            raise InputError(f"{place}: audio file {audio} does not exist")
        speaker = speakers[utt][1]
        words = " ".join(texts[utt][1].split())
        utterances.append(Utterance(f"{speaker}-{utt}", speaker, words, audio))
    return utterances


def _read_list(path: Path) -> dict[str, tuple[str, str]]:
    """Read a list: utterance -> (file and line, value), separated by spaces or tabs."""
    entries: dict[str, tuple[str, str]] = {}
    for number, line in read_lines(path):
        place = f"{path}:{number}"
        fields = line.split(maxsplit=1)
        if len(fields) != 2:
            raise InputError(f"{place}: must be `utterance value`, but is '{line.strip()}'")
        utt, value = fields
        if utt in entries:
            raise InputError(f"{place}: utterance {utt} is listed twice")
        entries[utt] = (place, value.strip())
    return entries
