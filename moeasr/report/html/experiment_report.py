"""The facts that a report gives about one experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moeasr import checkpoint
from moeasr.decode.recognizer import Recognizer
from moeasr.errors import InputError
from moeasr.report.html.audio_clips import read_clips
from moeasr.report.html.decodings import Decodings, find_decodings
from moeasr.report.html.error_analysis import Alignments, ErrorAnalysis, analyse_errors
from moeasr.report.html.expert_facts import (
    ExpertFacts,
    compare_checkpoints,
    measure_experts,
    read_labels,
)
from moeasr.report.html.frame_labels import read_labels_of
from moeasr.report.html.plain_values import NOT_EXPORTED
from moeasr.report.html.recipe_dir import working_in
from moeasr.report.html.routes import Routes, collect_routes
from moeasr.report.html.training_facts import TrainingFacts
from moeasr.report.html.utterance_views import UtteranceView, choose_utterances, make_views
from moeasr.score.examples import read_alignments
from moeasr.text.transcript import read_transcripts


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """The settings of a report; its experiments share all but the data directory."""

    data_dir: str | None = None
    """Data directory; None for the first test set that the experiment decoded."""
    lexicon: Mapping[str, Sequence[str]] | None = None
    """Word -> phones; None leaves phones out."""
    num_permutations: int = 200
    """Number of permutations of each test."""
    num_utterances: int = 3
    """Number of utterances whose routes are shown, unless `utterances` names them."""
    utterances: tuple[str, ...] = ()
    """Ids of the utterances whose routes are shown, by each experiment whose data has them."""
    batch_frames: int = 12000
    """Feature frames per batch, padding included."""
    device: str = "cpu"
    """Device of the model."""


@dataclass(frozen=True, kw_only=True)
class ExperimentReport:
    """The content of a report about one experiment; `notes` explains each missing part."""

    name: str
    """Path of the experiment as the user gave it."""
    model: dict[str, str]
    """Facts about the model, such as its number of parameters."""
    moe_layers: list[str]
    """Paths of all MoE layers of the model, decoders included."""
    training: TrainingFacts
    decodings: Decodings
    errors: ErrorAnalysis | None
    """The errors of the best decoding."""
    experts: ExpertFacts | None
    """The experts of the encoder; None for a dense model, or without a data directory."""
    views: list[UtteranceView]
    """Single utterances."""
    notes: dict[str, str]
    """Section -> sentence about a missing part."""
    alignments: Alignments = field(metadata=NOT_EXPORTED)
    """Word alignments of the best decoding."""


def report_experiment(exp_dir: str | Path, settings: ReportSettings) -> ExperimentReport:
    """Collect the facts about an experiment.

    Raises:
        InputError: The directory does not exist or has nothing to report, or a file is malformed.
    """
    name, exp_dir = str(exp_dir), Path(exp_dir)
    if not exp_dir.is_dir():
        raise InputError(f"experiment directory {exp_dir} does not exist")
    if settings.data_dir is not None and not Path(settings.data_dir).is_dir():
        raise InputError(f"data directory {settings.data_dir} does not exist")
    notes: dict[str, str] = {}
    training = TrainingFacts.read(exp_dir)
    if not training.train_loss and not training.dev_loss:
        notes["training"] = f"{exp_dir} has no metrics.jsonl with losses; run stage 3."
    decodings = find_decodings(exp_dir, settings.data_dir)
    if decodings.note is not None:
        notes["errors"] = decodings.note
    alignments = _read_alignments(decodings)
    path = exp_dir / checkpoint.AVERAGE
    if not path.is_file():
        notes["experts"] = f"{path} does not exist; run stage 4."
        if {"training", "errors"} <= notes.keys():
            raise InputError(f"{exp_dir} has no training, no checkpoint and no decoding to report")
    elif decodings.data_dir is None:
        notes["experts"] = "To analyse the experts, give a data directory with --data-dir."
    has_model = "experts" not in notes
    recognizer = Recognizer.from_checkpoint(path, settings.device) if has_model else None
    experts, views = None, []
    if recognizer is not None and decodings.data_dir is not None:
        shown = _choose(alignments, decodings.data_dir, settings)
        data_dir = decodings.data_dir
        if decodings.working_dir is not None:
            exp_dir, data_dir = exp_dir.absolute(), data_dir.absolute()
        with working_in(decodings.working_dir):
            routes = collect_routes(recognizer, data_dir, settings.batch_frames, shown)
            if routes.num_experts:
                experts = _experts(exp_dir, routes, recognizer, data_dir, settings)
            else:
                notes["experts"] = "The encoder of this model has no experts."
            known = {utterance.utt_id for utterance in routes.utterances}
            shown = [utt for utt in shown if utt in known]
            clips, reason = read_clips(data_dir, shown, recognizer.fbank.sample_rate_hz)
        if reason is not None:
            notes["utterances"] = reason
        views = make_views(routes, recognizer, shown, alignments, clips)
    return ExperimentReport(
        name=name,
        model={} if recognizer is None else _model_facts(recognizer),
        moe_layers=[] if recognizer is None else list(recognizer.model.moe_layers()),
        training=training,
        decodings=decodings,
        errors=_errors(decodings, alignments),
        experts=experts,
        views=views,
        notes=notes,
        alignments=alignments,
    )


def _read_alignments(decodings: Decodings) -> Alignments:
    if decodings.mode_dir is None:
        return {}
    return read_alignments(decodings.mode_dir / "score" / "per_utt")


def _choose(alignments: Alignments, data_dir: Path, settings: ReportSettings) -> list[str]:
    """Return the ids of the utterances whose routes are shown."""
    if settings.utterances:
        return list(settings.utterances)
    texts = read_transcripts(data_dir / "text")
    decoded = {utt_id: steps for utt_id, steps in alignments.items() if utt_id in texts}
    if decoded:
        return choose_utterances(decoded, settings.num_utterances)
    return list(texts)[: settings.num_utterances]


def _experts(
    exp_dir: Path,
    routes: Routes,
    recognizer: Recognizer,
    data_dir: Path,
    settings: ReportSettings,
) -> ExpertFacts:
    labels = read_labels(routes, recognizer, data_dir, settings.lexicon)
    checkpoints = compare_checkpoints(
        exp_dir, routes, data_dir, settings.batch_frames, settings.device
    )
    return measure_experts(routes, labels, checkpoints, settings.num_permutations)


def _errors(decodings: Decodings, alignments: Alignments) -> ErrorAnalysis | None:
    if decodings.mode_dir is None or not alignments:
        return None
    utt2spk = None
    if decodings.set_dir is not None and (decodings.set_dir / "utt2spk").is_file():
        utt_ids = list(alignments)
        utt2spk = dict(zip(utt_ids, read_labels_of(decodings.set_dir / "utt2spk", utt_ids)))
    return analyse_errors(alignments, decodings.mode_dir, utt2spk)


def _model_facts(recognizer: Recognizer) -> dict[str, str]:
    info, params = recognizer.info, recognizer.params
    return {
        "config": str(info.get("config_name", "unknown")),
        "parameters, total": f"{params.total / 1e6:.2f} M",
        "parameters, active per frame": f"{params.active / 1e6:.2f} M",
        "seed": str(info.get("seed", "unknown")),
        "commit": str(info.get("commit", "unknown")),
    }
