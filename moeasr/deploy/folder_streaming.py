"""Live recognition with a model folder, chunk by chunk."""

from collections.abc import Iterator, Sequence

import numpy as np

from moeasr.decode.config import DecodeConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.first_pass import FirstPass
from moeasr.decode.live.recognition_stream import EncodedChunk
from moeasr.deploy.folder_modes import MODES, align_first, live_search, rescore
from moeasr.deploy.folder_recognizer import FolderRecognizer, join_encoded
from moeasr.deploy.native_fbank import NativeFbank
from moeasr.deploy.networks import Encoded
from moeasr.deploy.phrase_scorer import PhraseScorer


class FolderStreaming:
    """A model folder that recognises streams with fixed settings, see `StreamingModel`.

    Args:
        recognizer: The model folder.
        mode: The decoding mode.
        config: The settings, with the sizes of chunks and a `reverse_weight`.
        endpoint: Rules that end an utterance; None if only the end of the stream ends it.
        phrases: Boosted phrases; None for none.

    Raises:
        InputError: The folder has no attention decoders, but the mode needs them.
    """

    def __init__(
        self,
        recognizer: FolderRecognizer,
        mode: str,
        config: DecodeConfig,
        endpoint: EndpointConfig | None,
        phrases: PhraseScorer | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.needs_frames = not MODES[mode].has_times
        self._recognizer = recognizer
        self._mode = mode
        self._config = config
        self._phrases = phrases
        self._decoder = recognizer.decoder if MODES[mode].rescores else None

    @property
    def frame_sec(self) -> float:
        """Length of an encoder frame in seconds."""
        return self._recognizer.frame_sec

    def open_encoder(self, language: int | None) -> "FolderStreamEncoder":
        """Start the encoder of a stream; folders do not route by language."""
        sizes = self._config.chunk_size, self._config.num_left_chunks
        return FolderStreamEncoder(self._recognizer, *sizes)

    def first_pass(self) -> FirstPass:
        """Start the search for the partial results of a new utterance."""
        return live_search(self._mode, self._config, self._phrases)

    def second_pass(
        self, nbest: list[Hypothesis], chunks: Sequence[EncodedChunk]
    ) -> list[Hypothesis]:
        """Return the final hypotheses of an utterance, given those of the first pass."""
        encoded = join_encoded([Encoded(chunk.enc[0], chunk.log_probs[0]) for chunk in chunks])
        if self._decoder is None:
            return align_first(nbest, encoded)
        return rescore(nbest, encoded, self._config, self._decoder)

    def text(self, units: Sequence[int]) -> str:
        """Return the text of some units."""
        return self._recognizer.folder.tokenizer.decode(units)


class FolderStreamEncoder:
    """The features and the encoder of one stream, see `StreamEncoder`.

    Args:
        recognizer: The model folder.
        chunk_size: Encoder frames per chunk.
        num_left_chunks: Number of left chunks that a frame attends to.
    """

    def __init__(self, recognizer: FolderRecognizer, chunk_size: int, num_left_chunks: int) -> None:
        config = recognizer.folder.config
        self._recognizer = recognizer
        self._num_past = chunk_size * num_left_chunks
        self._window_frames = recognizer.window_frames(chunk_size)
        self._hop_frames = config.subsampling_rate * chunk_size
        self._fbank = NativeFbank(config.fbank)
        self._feats = np.zeros((0, config.fbank.num_mel_bins), np.float32)  # not encoded yet
        self.restart()

    def restart(self) -> None:
        """Clear the left context, as if the next frame were the first of the stream."""
        self._caches = self._recognizer.streaming.start(self._num_past)

    def accept(self, samples: np.ndarray) -> Iterator[EncodedChunk]:
        """Add samples (S,) to the stream, and yield each chunk that is now complete."""
        yield from self._complete(self._fbank.accept(samples))

    def finish(self) -> Iterator[EncodedChunk]:
        """Yield the remaining chunks at the end of the stream."""
        yield from self._complete(self._fbank.finish())
        yield from self._encode(self._feats)  # less than a chunk

    def _complete(self, feats: np.ndarray) -> Iterator[EncodedChunk]:
        """Add features (T, F) to the stream, and encode each chunk that is now complete."""
        self._feats = np.concatenate([self._feats, feats])
        while len(self._feats) >= self._window_frames:
            yield from self._encode(self._feats[: self._window_frames])
            self._feats = self._feats[self._hop_frames :]

    def _encode(self, feats: np.ndarray) -> list[EncodedChunk]:
        found = self._recognizer.encode_window(feats, self._caches)
        if found is None:
            return []
        encoded, self._caches = found
        return [chunk_of(encoded)]


def chunk_of(encoded: Encoded) -> EncodedChunk:
    """Return the outputs of a chunk as those of a batch of one stream."""
    lens = np.array([len(encoded.enc)])
    return EncodedChunk(encoded.enc[None], encoded.log_probs[None], lens)
