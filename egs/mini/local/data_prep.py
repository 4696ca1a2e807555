"""Synthesise the mini corpus, and prepare `data/{train,dev,test}` in Kaldi's format.

Every set has its own voices. Sentences are sampled from a small open grammar. Three quarters of the
recordings have white, pink or babble noise. The same options give the same bytes for any --nj.

Example:
  python3 local/data_prep.py --download-dir downloads --data-dir data --nj 2
"""

import argparse
import hashlib
import json
import shutil
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from plan import GRAMMARS, SET_NAMES, Recording, plan_corpus
from sentences import Sentences

from moeasr.audio.threads import in_threads
from moeasr.bin import run
from moeasr.corpus.preparation import preparation_parser
from moeasr.datadir.write import Utterance, write_data_dir
from moeasr.errors import InputError
from moeasr.limits import seed
from moeasr.logs import get_logger, progress, setup_logging

METADATA = "recordings.jsonl"
ORIGIN = "made_by.json"  # written last; its presence means that the corpus is complete

logger = get_logger("mini")


def synthesise(recordings: list[Recording], corpus_dir: Path, nj: int) -> None:
    """Write every recording as `<set>/<speaker>/<utt>.flac`, then their list.

    An existing corpus of the same recordings from the same code and voices is kept. Any other
    corpus is replaced once the new one is complete.

    Args:
        recordings: The recordings to write.
        corpus_dir: The directory of the corpus.
        nj: Number of recordings that are synthesised at the same time.
    """
    metadata = "".join(_line(recording) for recording in recordings)
    origin = _origin(metadata)
    marker = corpus_dir / ORIGIN
    if marker.is_file() and marker.read_text(encoding="utf-8") == origin:
        logger.info("%s already exists and is kept", corpus_dir)
        return
    if corpus_dir.exists() and not marker.is_file():
        raise InputError(
            f"{corpus_dir} exists but is not a mini corpus; move it, or set another --download-dir"
        )
    # Imported late: torch takes seconds to load, and --help or an existing corpus do not need it.
    import soundfile
    import torch
    from synth import SAMPLE_RATE_HZ, record

    torch.set_num_threads(1)  # the jobs below run in parallel already
    unfinished = corpus_dir.with_name(f".{corpus_dir.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)

    def make(recording: Recording) -> None:
        path = audio_path(unfinished, recording)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, record(recording), SAMPLE_RATE_HZ, subtype="PCM_16")

    # Threads are sufficient, because espeak-ng runs in separate processes (see speak.py).
    done = in_threads(make, recordings, nj)
    for _ in progress(done, "synthesising", total=len(recordings), unit="utterances"):
        pass
    (unfinished / METADATA).write_text(metadata, encoding="utf-8")
    (unfinished / ORIGIN).write_text(origin, encoding="utf-8")
    shutil.rmtree(corpus_dir, ignore_errors=True)
    unfinished.rename(corpus_dir)


def _line(recording: Recording) -> str:
    """Return a recording as a line of JSON, without its language if the corpus has only one."""
    facts = {key: value for key, value in asdict(recording).items() if value is not None}
    return json.dumps(facts) + "\n"


def _origin(metadata: str) -> str:
    """Return all inputs of the audio as JSON: recordings, source code and release of espeak-ng."""
    here = Path(__file__).parent
    sources = [(here / name).read_text(encoding="utf-8") for name in ("synth.py", "speak.py")]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (metadata, *sources)]
    names = ("recordings", "synth.py", "speak.py")
    return json.dumps({**dict(zip(names, digests)), "espeakng-loader": version("espeakng-loader")})


def audio_path(corpus_dir: Path, recording: Recording) -> Path:
    """Return the audio file of a recording."""
    return corpus_dir / recording.set_name / recording.speaker / f"{recording.utt_id}.flac"


def as_utterance(corpus_dir: Path, recording: Recording) -> Utterance:
    """Return the utterance of a recording."""
    audio = audio_path(corpus_dir, recording)
    return Utterance(
        recording.utt_id,
        recording.speaker,
        recording.text,
        audio,
        language_name=recording.language,
    )


def get_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = preparation_parser(__doc__, "directory in which mini/ is made for the audio")
    parser.add_argument("--seed", type=seed, default=1, help="seed of the corpus (default: 1)")
    parser.add_argument(
        "--languages",
        default="en",
        metavar="LIST",
        help=f"languages, separated by commas: {', '.join(GRAMMARS)} (default: en)",
    )
    parser.add_argument(
        "--sentences",
        type=Path,
        metavar="FILE",
        help="text with one sentence per line, spoken instead of the grammar's sentences",
    )
    parser.add_argument("--num-train", type=int, default=1000, help="number of training utterances")
    parser.add_argument("--num-dev", type=int, default=60, help="number of dev utterances")
    parser.add_argument("--num-test", type=int, default=100, help="number of test utterances")
    parser.add_argument(
        "--min-snr-db", type=float, default=10.0, help="lowest SNR, dB (default: 10)"
    )
    parser.add_argument(
        "--max-snr-db", type=float, default=30.0, help="highest SNR, dB (default: 30)"
    )
    return parser


def main(argv: list[str] | None = None) -> None:
    """Synthesise the corpus and write its data directories."""
    args = get_parser().parse_args(argv)
    setup_logging()
    num_utts = {"train": args.num_train, "dev": args.num_dev, "test": args.num_test}
    languages = tuple(args.languages.split(","))
    if not set(languages) <= GRAMMARS.keys() or len(set(languages)) < len(languages):
        raise InputError(
            f"--languages must contain some of {', '.join(GRAMMARS)}, each once, but is "
            f"'{args.languages}'"
        )
    grammars = GRAMMARS
    if args.sentences is not None:
        if len(languages) > 1:
            raise InputError("--sentences needs one language, but --languages names several")
        grammars = {languages[0]: Sentences.of_file(args.sentences)}
    recordings = plan_corpus(
        args.seed, num_utts, args.min_snr_db, args.max_snr_db, languages, grammars
    )
    corpus_dir = args.download_dir.resolve() / "mini"
    synthesise(recordings, corpus_dir, args.nj)
    trained_on = {recording.text for recording in recordings if recording.set_name == "train"}
    new = []
    for name in SET_NAMES:
        chosen = [recording for recording in recordings if recording.set_name == name]
        utterances = [as_utterance(corpus_dir, recording) for recording in chosen]
        write_data_dir(utterances, args.data_dir / name)
        num_new = sum(recording.text not in trained_on for recording in chosen)
        new.append(f"{num_new} of {len(chosen)} in {name}")
    print(f"utterances whose sentence is not in train: {', '.join(new[1:])}")


if __name__ == "__main__":
    run(main)
