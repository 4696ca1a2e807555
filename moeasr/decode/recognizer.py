"""The recognizer, which turns features or waveforms into hypotheses and needs only a checkpoint."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from moeasr import checkpoint
from moeasr.batch_plan import plan_batches
from moeasr.config import from_mapping, load_yaml, to_mapping
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.build_fusion import FusionReader
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.searches import NBest, SearchInput, check_settings, find_searches
from moeasr.decode.times import Times, times_of
from moeasr.distributed import find_device
from moeasr.errors import InputError
from moeasr.features.fbank import compute_fbank
from moeasr.features.fbank_config import FbankConfig
from moeasr.labels import Labels
from moeasr.models.asr import AsrModel
from moeasr.models.build import count_params, load_model
from moeasr.models.heads.group_head import Identified, count_identified
from moeasr.models.inference import optimize_for_inference
from moeasr.text.tokenizer import Tokenizer

DEFAULT_BATCH_FRAMES = 12000


class RecognizedBatch(NamedTuple):
    """The hypotheses of one batch, and the time spent on them."""

    nbest: dict[str, NBest]
    """Mode -> hypotheses of each utterance, best first."""
    encoder_sec: float
    """Seconds for the encoder and the CTC outputs, which all modes share."""
    search_sec: dict[str, float]
    """Mode -> seconds for its search."""
    identified: Identified = Identified()
    """Frames whose label the model identified, if it has a group head and labels are known."""


class Recognizer:
    """A model together with its tokenizer and feature settings.

    Args:
        model: The model, in eval mode.
        tokenizer: The tokenizer of the model.
        fbank: The feature settings of the model.
        info: The checkpoint's `info`: commit, seed, name of the config, ...
        device: The device that runs the model.
    """

    def __init__(
        self,
        model: AsrModel,
        tokenizer: Tokenizer,
        fbank: FbankConfig,
        info: Mapping[str, Any],
        device: torch.device,
    ) -> None:
        self.model = model.to(device).eval()
        self.tokenizer = tokenizer
        self.fbank = fbank
        self.info = info
        self.device = device
        self.dtype = next(model.parameters()).dtype
        """Data type of the model's weights and of the features passed to it."""
        self.params = count_params(model)
        """Parameter counts of the trained model; packed weights cannot be counted later."""
        self.precision = str(self.dtype).removeprefix("torch.")
        self.experts_per_frame: int | None = None
        """Number of experts per frame, if it is not that of the model's config."""
        self._fusions = FusionReader(tokenizer, device)

    @classmethod
    def from_checkpoint(cls, path: str | Path, device: str = "cpu") -> "Recognizer":
        """Load model, tokenizer and feature settings from a checkpoint.

        Raises:
            InputError: The file is missing, damaged or incomplete, or the device does not exist.
        """
        torch_device = find_device(device)
        content = checkpoint.load_with_model(path)
        try:
            return cls(
                model=load_model(content),
                tokenizer=Tokenizer.from_state(content["tokenizer"]),
                fbank=from_mapping(FbankConfig, content["fbank"], "its feature settings"),
                info=content["info"],
                device=torch_device,
            )
        except InputError as error:
            raise InputError(f"checkpoint {path}: {error}") from None

    def use_experts(self, experts_per_frame: int) -> None:
        """Change the number of experts per frame in all MoE layers.

        Raises:
            InputError: The model has no experts, or the number is out of range in a layer.
        """
        layers = self.model.moe_layers()
        if not layers:
            raise InputError("`experts_per_frame` has no effect: this model has no experts")
        for name, layer in layers.items():
            try:
                layer.router.use_experts(experts_per_frame)
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
        self.experts_per_frame = experts_per_frame
        self.params = count_params(self.model)

    def optimize(self, precision: str) -> None:
        """Optimize the model for a CPU, see `optimize_for_inference`.

        Raises:
            InputError: The model or the device does not support this precision.
        """
        optimize_for_inference(self.model, precision)
        self.precision = precision

    def check_fbank(self, path: str | Path) -> None:
        """Raise `InputError` unless stored features match the feature settings of the model.

        Args:
            path: The `conf/fbank.yaml` that `make_fbank.sh` wrote beside the features.

        Raises:
            InputError: The file is missing, or a setting differs.
        """
        if not Path(path).is_file():
            raise InputError(
                f"{path} does not exist; utils/make_fbank.sh writes it together with feats.scp"
            )
        found = to_mapping(from_mapping(FbankConfig, load_yaml(path), path))
        for key, value in to_mapping(self.fbank).items():
            if found[key] != value:
                raise InputError(
                    f"{path}: `{key}` is {found[key]}, but the model was trained with {value}; "
                    "compute the features again, or decode the audio with --data-type raw"
                )

    @property
    def labels(self) -> Labels:
        """The labels of the model, which only a model that routes by language needs to be told."""
        labels = self.model.config.labels._replace(is_required=bool(self.model.languages))
        pruned = self.info.get("pruned_labels")
        if pruned is None:
            return labels
        return labels._replace(kind=pruned["kind"], dropped=tuple(pruned["dropped"]))

    def language_id(self, name: str | None) -> int | None:
        """Return the index of a language in the model; None if it does not route by language.

        Raises:
            InputError: The model routes by language, but the language is unknown or missing. Or a
                language is given, but the model does not route by language.
        """
        known, pruned = self.model.languages, self.info.get("pruned_labels", {})
        if name in pruned.get("dropped", ()):
            raise InputError(
                f"the experts of the language '{name}' were pruned from this model; use the "
                "checkpoint before pruning"
            )
        if not known:
            if name is not None and name not in pruned.get("kept", ()):
                raise InputError(
                    f"`language` is '{name}', but this model does not route by language; omit it"
                )
            return None
        if name not in known:
            given = "is not given" if name is None else f"is '{name}'"
            raise InputError(
                f"this model routes by language: `language` must be one of {', '.join(known)}, but "
                f"{given}"
            )
        return known.index(name)

    def features(self, waveform: Tensor) -> Tensor:
        """Compute features (T, F) of (S,) samples in [-1, 1] at `fbank.sample_rate_hz`."""
        return compute_fbank(waveform, self.fbank)

    def load_fusion(self, config: DecodeConfig) -> nn.Module | None:
        """Return the language model and boosted phrases, read again only if the settings change.

        Raises:
            InputError: A file is missing or invalid, or does not match the model's units.
        """
        return self._fusions.load(config.fusion)

    def text(self, hypothesis: Hypothesis) -> str:
        """Return the text of a hypothesis."""
        return self.tokenizer.decode(hypothesis.tokens)

    @property
    def frame_sec(self) -> float:
        """Seconds from one encoder frame to the next."""
        return self.model.subsampling_rate * self.fbank.frame_shift_sec

    def times(self, hypothesis: Hypothesis) -> Times | None:
        """Return the times of a hypothesis's tokens and words; None if it has no CTC alignment."""
        return times_of(hypothesis, self.tokenizer, self.frame_sec)

    def recognize(
        self,
        feats: Sequence[Tensor],
        modes: Sequence[str],
        config: DecodeConfig,
        batch_frames: int = DEFAULT_BATCH_FRAMES,
        languages: Sequence[int] | None = None,
    ) -> dict[str, NBest]:
        """Recognise any number of utterances, in batches of similar lengths.

        Args:
            feats: (T, F) log-mel features of each utterance, not normalised.
            modes: Names of `SEARCHES`, or import paths of other searches.
            config: Settings of encoder and searches.
            batch_frames: Feature frames per batch, padding included.
            languages: Index in `labels` of each utterance's language or other label, -1 if it is
                unknown; required only by a model that routes by language.

        Returns:
            Mode -> n-best list of each utterance, in the order of `feats`.

        Raises:
            InputError: The model does not support a mode or chunks, or needs `languages`.
        """
        results: dict[str, NBest] = {mode: [[]] * len(feats) for mode in modes}
        for batch in plan_batches([utt.size(0) for utt in feats], batch_frames):
            output = self.recognize_batch(
                [feats[index] for index in batch], modes, config, _pick(languages, batch)
            )
            for mode, nbest in output.nbest.items():
                for index, hypotheses in zip(batch, nbest):
                    results[mode][index] = hypotheses
        return results

    @torch.inference_mode()
    def recognize_batch(
        self,
        feats: Sequence[Tensor],
        modes: Sequence[str],
        config: DecodeConfig,
        languages: Sequence[int] | None = None,
    ) -> RecognizedBatch:
        """Recognise one batch, with one encoder pass for all modes.

        The arguments are those of `recognize`. An utterance that is too short for one encoder
        frame gets the empty hypothesis.
        """
        searches = find_searches(modes, self.model)
        check_settings(modes, config, given=[])
        config = config.resolve(self.model)
        empty = [Hypothesis(tokens=(), score=0.0, frames=(), spans=(), token_confidence=())]
        found = {mode: [empty for _ in feats] for mode in modes}
        places = [i for i, utt in enumerate(feats) if self.model.output_len(utt.size(0)) > 0]
        if not places:
            return RecognizedBatch(found, 0.0, dict.fromkeys(modes, 0.0))
        start_sec = self._now()
        encodable = [feats[place] for place in places]
        inputs, identified = self._encode(encodable, config, _pick(languages, places))
        encoder_sec = self._now() - start_sec
        search_sec = {}
        for mode, search in searches.items():
            start_sec = self._now()
            for place, hypotheses in zip(places, search.run(inputs, config)):
                found[mode][place] = hypotheses
            search_sec[mode] = self._now() - start_sec
        return RecognizedBatch(found, encoder_sec, search_sec, identified)

    def _encode(
        self, feats: Sequence[Tensor], config: DecodeConfig, languages: Sequence[int] | None
    ) -> tuple[SearchInput, Identified]:
        lens = torch.tensor([utt.size(0) for utt in feats], device=self.device)
        padded = pad_sequence(list(feats), batch_first=True).to(self.device, self.dtype)
        spoken = None if languages is None else torch.tensor(languages, device=self.device)
        output = self.model.encode(padded, lens, config.chunk_size, config.num_left_chunks, spoken)
        log_probs = self.model.ctc_log_probs(output.enc)
        fusion = self.load_fusion(config)
        inputs = SearchInput(self.model, output.enc, output.enc_lens, log_probs, fusion)
        return inputs, count_identified(self.model.all_heads, output)

    def _now(self) -> float:
        """Return the time in seconds once the device has finished its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def _pick(languages: Sequence[int] | None, places: Sequence[int]) -> list[int] | None:
    """Return the languages at the given indices; None if there are no languages."""
    return None if languages is None else [languages[place] for place in places]
