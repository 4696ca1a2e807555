"""Recognition of whole recordings with fixed settings, the core of `moeasr transcribe`."""

from collections.abc import Sequence

from torch import Tensor

from moeasr.api.engine import Task
from moeasr.api.transcription import Transcription, transcription_of
from moeasr.decode.best_mode import most_accurate_mode
from moeasr.decode.recognizer import Recognizer
from moeasr.decode.searches import check_settings, find_searches


class Transcriber:
    """A model that transcribes whole recordings with a fixed mode, settings and language.

    Args:
        recognizer: The model.
        task: The mode, the settings and the language of all recordings.

    Raises:
        InputError: The model cannot do the mode, or the mode does not read a given setting, or the
            model does not know the language.
    """

    def __init__(self, recognizer: Recognizer, task: Task) -> None:
        config = task.config
        self.mode = task.mode or most_accurate_mode(recognizer.model, config, task.given)
        search = find_searches([self.mode], recognizer.model)[self.mode]
        check_settings([self.mode], config, task.given)
        self._recognizer = recognizer
        self._config = config.resolve(recognizer.model)
        recognizer.load_fusion(self._config)
        self._language = recognizer.language_id(task.language)
        self.num_kept = config.beam_size if "beam_size" in search.settings else 1
        """Maximum number of hypotheses that the mode returns."""

    def run(self, waveforms: Sequence[Tensor]) -> list[Transcription]:
        """Recognise recordings, in batches of similar lengths.

        Args:
            waveforms: Recordings, each (S,) samples in [-1, 1] at the model's sample rate.

        Returns:
            The result of each recording, in their order.

        Raises:
            InputError: A sample is NaN or infinite.
        """
        recognizer = self._recognizer
        feats = [recognizer.features(waveform) for waveform in waveforms]
        languages = None if self._language is None else [self._language] * len(feats)
        found = recognizer.recognize(feats, [self.mode], self._config, languages=languages)
        return [transcription_of(nbest, recognizer) for nbest in found[self.mode]]
