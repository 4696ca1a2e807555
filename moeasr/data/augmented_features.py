"""Features of utterances that are augmented when they are read."""

from collections.abc import Sequence

from torch import Tensor

from moeasr.augment.augmentation import AugmentationConfig
from moeasr.augment.chain import KEY, AugmentationChain
from moeasr.augment.utterance_speech import UtteranceSpeech
from moeasr.data.audio_features import one_thread
from moeasr.data.data_type import UtteranceReader, find_data_type
from moeasr.data.utterance_lengths import check_num_frames
from moeasr.datadir.utterances import Utterances
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames


class AugmentedFeatures:
    """A reader of training utterances, which differ from epoch to epoch.

    Args:
        utterances: The utterances, with transcripts and numbers of frames.
        reader: Reader of their audio or of their stored features.
        configs: Settings of the augmentations, in the order in which they are applied.
        fbank: Settings of the features.
        seed: Seed of all random numbers.

    Raises:
        InputError: A file that an augmentation needs is missing or cannot be used.
    """

    def __init__(
        self,
        utterances: Utterances,
        reader: UtteranceReader,
        configs: Sequence[AugmentationConfig],
        fbank: FbankConfig,
        seed: int,
    ) -> None:
        self._utterances = utterances
        self._reader = reader
        self._fbank = fbank
        lengths_sec = utterances.num_frames * fbank.frame_shift_sec
        self._speech = UtteranceSpeech(
            utterances, reader.read_signal, fbank.sample_rate_hz, lengths_sec
        )
        self._chain = AugmentationChain(configs, self._speech, seed)

    def read(self, epoch: int, index: int) -> tuple[Tensor, str]:
        """Return the (T, F) features and the transcript of an utterance in an epoch.

        Raises:
            InputError: The utterance, or a recording that is mixed into it, cannot be read.
        """
        with one_thread():
            utterance, speech = self._utterances[index], self._speech.read(index)
            num_frames = len(speech.signal)
            if speech.is_audio:
                num_frames = num_fbank_frames(num_frames, self._fbank)
            check_num_frames(num_frames, utterance)
            changed = self._chain.apply(speech, epoch)
            return self._reader.features_of(changed.signal, utterance.utt_id), changed.text


def check_augmentations(configs: Sequence[AugmentationConfig], data_type: str) -> None:
    """Raise `InputError` if an augmentation cannot change utterances of a data type.

    Args:
        configs: Settings of the augmentations.
        data_type: One of `moeasr.data.data_type.DATA_TYPES`.
    """
    if find_data_type(data_type).open_audio is not None:
        return
    for number, config in enumerate(configs):
        if config.needs_audio:
            raise InputError(
                f"`{KEY}[{number}]` ({config.type}) needs audio, because {config.needs_audio}, but "
                f"--data-type {data_type} reads stored features; run stages 1 and 3 with "
                "--data-type raw"
            )
