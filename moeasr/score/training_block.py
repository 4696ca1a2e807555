"""The section of RESULTS.md about the training: hours of speech, time, and learning curve."""

from pathlib import Path

from moeasr.bars import duration
from moeasr.errors import InputError
from moeasr.metrics_file import read_metrics
from moeasr.plurals import counted
from moeasr.score.results_table import read_json
from moeasr.score.scored_experiment import read_training_time

DATA_SETS = "data_sets.json"
"""The file of an experiment that names its training set, with the hours of speech."""
PICTURES = {
    "images/loss.png": "loss on the training set and on dev",
    "images/wer.png": "word error rate on dev",
    "images/expert_load.png": "load of the experts on dev",
}


def training_block(exp_dir: Path) -> str | None:
    """Return facts about the training of an experiment, as Markdown; None if none are known.

    The learning curve is shown as pictures, if the training drew any, or as numbers by epoch.

    Raises:
        InputError: A file of the experiment is malformed.
    """
    dev = read_metrics(exp_dir, "dev")
    facts = [*_speech(exp_dir), *_time(exp_dir, len(dev))]
    rates = [(record["wer"], n) for n, record in enumerate(dev, 1) if record.get("wer") is not None]
    if rates:
        rate, epoch = min(rates)
        facts.append(f"- lowest WER on dev (CTC greedy search): {rate:.2f} % after epoch {epoch}")
    pictures = [
        f"![{text}]({path})" for path, text in PICTURES.items() if (exp_dir / path).is_file()
    ]
    curve = pictures or _epoch_table(exp_dir)
    if not facts and not curve:
        return None
    blocks = ["## Training", "\n".join(facts), "\n".join(curve)]
    return "\n\n".join(block for block in blocks if block)


def _speech(exp_dir: Path) -> list[str]:
    path = exp_dir / DATA_SETS
    if not path.is_file():
        return []
    content = read_json(path)
    try:
        name, num_utts, hours = (content["train"][key] for key in ("dir", "num_utts", "hours"))
        utterances = counted(num_utts, "utterance")
        return [f"- speech: {duration(3600 * hours)} in {utterances} of `{name}`"]
    except (LookupError, TypeError, ValueError):
        raise InputError(f"{path} must hold `dir`, `num_utts` and `hours` of `train`") from None


def _time(exp_dir: Path, num_epochs: int) -> list[str]:
    seconds = read_training_time(exp_dir)
    if seconds is None:
        return []
    epochs = f", {counted(num_epochs, 'epoch')}" if num_epochs else ""
    return [f"- time: {duration(seconds)}{epochs}"]


def _epoch_table(exp_dir: Path) -> list[str]:
    """Return the losses of each epoch, and its accuracy and word error rate on dev if known."""
    train, dev = (read_metrics(exp_dir, kind) for kind in ("train", "dev"))
    if not dev:
        return []
    columns = {
        "loss": ("dev loss", ".3f"),
        "acc": ("dev accuracy", ".4f"),
        "wer": ("dev WER %", ".2f"),
    }
    shown = {name: column for name, column in columns.items() if any(name in r for r in dev)}
    header = ["epoch", "train loss", *(label for label, _ in shown.values())]
    rows = [header, ["---:"] * len(header)]
    for epoch, record in enumerate(dev, start=1):
        before = [r.get("loss") for r in train if r["step"] <= record["step"]]
        row = [str(epoch), _number(before[-1] if before else None, ".3f")]
        rows.append([*row, *(_number(record.get(n), form) for n, (_, form) in shown.items())])
    return [f"| {' | '.join(row)} |" for row in rows]


def _number(value: float | None, form: str) -> str:
    """Return a number as text, and None, which stands for NaN and infinity in the file, as `-`."""
    return "-" if value is None else format(value, form)
