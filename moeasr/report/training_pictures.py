"""Pictures of a training, drawn after each epoch: learning curves, experts and attention."""

import warnings
from pathlib import Path

from moeasr.atomic import atomic_path
from moeasr.data.batch import collate
from moeasr.data.dataset import AsrDataset
from moeasr.logs import get_logger
from moeasr.models.asr import AsrModel
from moeasr.report.expert_usage import inputs_of
from moeasr.report.heat_map import expert_load_figure, has_matplotlib
from moeasr.report.learning_curves import loss_figure, wer_figure
from moeasr.report.utterance_plots import utterance_figures
from moeasr.text.tokenizer import Tokenizer
from moeasr.train.evaluation import EpochEnd

logger = get_logger(__name__)

FOLDER = "images"
NUM_UTTERANCES = 3
"""Number of development utterances whose attention and experts are plotted."""


class TrainingPictures:
    """The pictures `images/{loss,wer,expert_load}.png`, and plots of some dev utterances.

    The same development utterances are plotted after each epoch, so that a slider in TensorBoard
    shows how attention and routing develop; if no writer takes pictures, they are not plotted.
    Without matplotlib one log line says how to get it.

    Args:
        exp_dir: The directory of the experiment.
        model: The model being trained.
        tokenizer: The tokenizer of the model, whose units label the plots.
        dev: Examples of the development set.
    """

    def __init__(
        self, exp_dir: Path, model: AsrModel, tokenizer: Tokenizer, dev: AsrDataset
    ) -> None:
        self._exp_dir = exp_dir
        self._model = model
        self._tokenizer = tokenizer
        self._dev = dev
        num = min(NUM_UTTERANCES, len(dev))
        self._indices = [(2 * place + 1) * len(dev) // (2 * num) for place in range(num)]
        self._is_possible = has_matplotlib()
        if not self._is_possible:
            logger.info(
                "no pictures of the training: matplotlib is missing (pip install matplotlib)"
            )

    def draw(self, end: EpochEnd) -> None:
        """Draw all pictures of an epoch. A failure is a warning: it must not end the training."""
        if not self._is_possible:
            return
        try:
            with warnings.catch_warnings():
                # Fonts without Chinese and other characters draw boxes in their place.
                warnings.filterwarnings("ignore", message="Glyph .* missing from font")
                self._draw_images(end)
                if end.writers.take_pictures:
                    self._draw_utterances(end)
        except Exception as error:  # fonts, a full disk or an image format may be the cause
            reason = f"{type(error).__name__}: {error}"
            logger.warning("pictures of epoch %d cannot be drawn: %s", end.epoch, reason)

    def _draw_images(self, end: EpochEnd) -> None:
        figures = {"loss": loss_figure(self._exp_dir), "wer": wer_figure(self._exp_dir)}
        if end.dev.usage.loads:
            title = f"experts on dev after epoch {end.epoch}"
            figures["expert_load"] = expert_load_figure(end.dev.usage.loads, title)
            end.writers.draw("expert_load/dev", end.step, figures["expert_load"])
        for name, figure in figures.items():
            if figure is not None:
                with atomic_path(self._exp_dir / FOLDER / f"{name}.png") as temporary:
                    figure.savefig(temporary, format="png", dpi=120)

    def _draw_utterances(self, end: EpochEnd) -> None:
        was_training = self._model.training
        self._model.eval()
        try:
            device = self._model.cmvn.mean.device
            for index in self._indices:
                batch = collate([self._dev[0, index]]).to(device)
                utt_id, ids = batch.utt_ids[0], batch.tokens[0].tolist()
                units = [self._tokenizer.units[number] for number in ids]
                figures = utterance_figures(self._model, inputs_of(batch), units, utt_id)
                for kind, figure in figures.items():
                    end.writers.draw(f"{kind}/{utt_id}", end.step, figure)
        finally:
            self._model.train(was_training)
