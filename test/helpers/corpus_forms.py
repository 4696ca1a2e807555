"""Made-up corpora, one in each form that `utils/new_recipe` reads: a second of noise per text."""

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from made_up import write_lines

TEXTS = ("go", "go home", "to bed", "don't go", "home")
SPEAKERS = ("ann", "bo b", "c-1", "c", "zoë")
"""With a space, with one name that begins another one, and with a letter outside ASCII."""


CODINGS = {
    ".aif": ("AIFF", None),
    ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".sph": ("NIST", "PCM_16"),
}
"""Format and coding of files whose suffix does not name them."""


def write_clip(
    path: Path, seconds: float = 1.0, rate_hz: int = 16000, num_channels: int = 1
) -> Path:
    """Write noise in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (round(seconds * rate_hz), num_channels)
    samples = np.random.default_rng(len(path.name)).uniform(-0.1, 0.1, shape)
    file_format, subtype = CODINGS.get(path.suffix, (path.suffix[1:].upper(), None))
    soundfile.write(path, samples, rate_hz, format=file_format, subtype=subtype)
    return path


def write_json(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write JSON lines, compressed if the name ends in `.gz`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def folder(directory: Path) -> Path:
    """Five speakers in no sets, in four formats; a hidden file of macOS is there, too."""
    root = directory / "my speech"
    for speaker in SPEAKERS:
        for text, suffix in zip(TEXTS, (".wav", ".flac", ".mp3", ".ogg")):
            path = write_clip(root / speaker / f"söng {text}{suffix}")
            write_lines(path.with_suffix(".txt"), [text])
    write_lines(root / "ann/._söng go.wav", ["no audio"])
    return root


def ljspeech(directory: Path) -> Path:
    """Twelve lines at 22.05 kHz, the last one without normalized text."""
    root = directory / "LJ-1.1"
    names = [f"LJ001-{number:04d}" for number in range(1, 13)]
    for name in names:
        write_clip(root / "wavs" / f"{name}.wav", rate_hz=22050)
    lines = [f'{name}|The "1st", one|the first, one' for name in names[:-1]]
    write_lines(root / "metadata.csv", [*lines, f"{names[-1]}|Home|"])
    return root


def common_voice(directory: Path) -> Path:
    """A release of one language inside its directories; one clip has another sample rate."""
    root = directory / "cv-corpus-1.0/cy"
    header = "client_id\tpath\tsentence\tup_votes\tlocale"
    for name, speakers in (("train", "ab"), ("dev", "c"), ("test", "d")):
        rows = []
        for speaker in speakers:
            for number, text in enumerate(TEXTS[:3]):
                clip = f"common_voice_cy_{ord(speaker)}{number}.mp3"
                rate_hz = 32000 if clip.endswith("970.mp3") else 48000
                write_clip(root / "clips" / clip, rate_hz=rate_hz)
                rows.append(f'{speaker * 128}\t{clip}\t"{text.title()}!"\t2\tcy')
        write_lines(root / f"{name}.tsv", [header, *rows])
    write_lines(root / "validated.tsv", [header])
    return directory


def json_manifest(directory: Path) -> Path:
    """NeMo's training set, a part of whose recordings has two utterances, and two of HF's."""
    root = directory / "manifests"
    rows = []
    for number in range(3):
        audio = write_clip(root / f"audio/a b/long {number}.wav", 2.5)
        where = {"audio_filepath": str(audio), "speaker": f"s{number}"}
        rows.append({**where, "offset": 0, "duration": 1.0, "text": "go home"})
        rows.append({**where, "offset": 1.25, "duration": 1.25, "text": "to bed"})
    rows.append({"audio_filepath": "audio/x.flac", "duration": 1.001, "text": "go", "speaker": "x"})
    write_clip(root / "audio/x.flac")
    write_json(root / "train_manifest.json", rows)
    write_clip(root / "validation/y.ogg")
    write_json(root / "validation/metadata.jsonl", [{"file_name": "y.ogg", "transcription": "go"}])
    write_clip(root / "audio/z.wav")
    row = {"audio": {"path": "audio/z.wav", "sampling_rate": 16000}, "sentence": "go"}
    write_json(root / "test.jsonl.gz", [row])
    return root


def lhotse(directory: Path) -> Path:
    """Training recordings with two channels or two supervisions, and a test set; no dev set."""
    root = directory / "manifests"
    recordings, supervisions = [], []
    for number in range(6):
        stereo = number == 0
        name = f"rec-{number}"
        write_clip(root / f"audio/{name}.wav", 2.0, num_channels=1 + stereo)
        source = {"type": "file", "channels": [0, 1][: 1 + stereo], "source": f"audio/{name}.wav"}
        recordings.append({"id": name, "sources": [source], "sampling_rate": 16000})
        for part in range(2):
            times = {"start": 0.0 if stereo else float(part), "duration": 2.0 if stereo else 1.0}
            who = {"speaker": f"p{number}", "channel": part if stereo else 0, "language": "cy"}
            row = {"id": f"p{number}-{part}", "recording_id": name, **times, **who}
            supervisions.append({**row, "text": TEXTS[part + 1]})
    write_json(root / "my_recordings_train.jsonl.gz", recordings)
    write_json(root / "my_supervisions_train.jsonl.gz", supervisions)
    write_json(root / "my_recordings_test.jsonl", recordings[-1:])
    rest = [{**row, "id": f"{row['id']}t"} for row in supervisions[-2:]]
    write_json(root / "my_supervisions_test.jsonl", rest)
    return root


def audio_folder(directory: Path) -> Path:
    """Metadata of each set below `data`, with quoted sentences and a column that is not read."""
    root = directory / "my set"
    write_lines(root / "README.md", ["A data set."])
    header = "file_name,transcription,speaker_id,language,duration"
    for name, speakers in (("train", ("s 1", "s2", "s3")), ("validation", ("s4",))):
        rows = []
        for speaker in speakers:
            for number in range(2):
                write_clip(root / f"data/{name}/{speaker}/{number}.flac")
                rows.append(f'{speaker}/{number}.flac,"Go, ""home""",{speaker},en US,1.0')
        write_lines(root / f"data/{name}/metadata.csv", [header, *rows])
    return root


def csv_table(directory: Path) -> Path:
    """One table for each set, as a spreadsheet writes it, with names as Windows writes them."""
    root = directory / "table"
    for name, speakers in (("train", ("s 1", "s2", "s3")), ("test", ("s4",))):
        rows = []
        for speaker in speakers:
            for number in range(2):
                write_clip(root / f"clips/{speaker}/{number}.wav")
                rows.append(f'clips\\{speaker}\\{number}.wav;"Go; ""home""";{speaker}')
        write_lines(root / f"{name}.csv", ["\ufeffFile;Text;Speaker", *rows])
    return root


def kaldi(directory: Path) -> Path:
    """Three data directories; that for training has segments, and paths start from the corpus."""
    root = directory / "corpus"
    for name, speakers in (("train", ("ann", "bo")), ("dev", ("cy",)), ("test", ("di",))):
        data = root / "data" / name
        utts = [f"{speaker}-{number}" for speaker in speakers for number in range(2)]
        recordings = [f"{speaker}_tape" for speaker in speakers] if name == "train" else utts
        for recording in recordings:
            write_clip(root / f"wav/{recording}.wav", 2.0)
        write_lines(data / "wav.scp", [f"{r} wav/{r}.wav" for r in recordings])
        write_lines(data / "text", [f"{utt} go home" for utt in utts])
        write_lines(data / "utt2spk", [f"{utt} {utt.split('-')[0]}" for utt in utts])
    lines = [f"{s}-{n} {s}_tape {n} {n + 0.95}" for s in ("ann", "bo") for n in range(2)]
    write_lines(root / "data/train/segments", lines)
    return root


FORM_TREES: dict[str, Callable[[Path], Path]] = {
    "kaldi": kaldi,
    "lhotse": lhotse,
    "common_voice": common_voice,
    "ljspeech": ljspeech,
    "json": json_manifest,
    "audio_folder": audio_folder,
    "csv": csv_table,
    "folder": folder,
}
"""Form -> what makes a corpus of this form in a directory, and returns the corpus."""
