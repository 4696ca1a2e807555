"""Streams on a model folder whose next chunks are encoded together."""

from collections.abc import Iterator, Sequence

import numpy as np

from moeasr.api.live_stream import LiveStream, LiveTranscription
from moeasr.decode.config import DecodeConfig
from moeasr.decode.fusion.phrase_trie import Phrase
from moeasr.decode.live.config import EndpointConfig
from moeasr.decode.live.recognition_stream import EncodedChunk, RecognitionStream
from moeasr.deploy.folder_modes import MODES
from moeasr.deploy.folder_recognizer import FolderRecognizer
from moeasr.deploy.folder_streaming import FolderStreamEncoder, FolderStreaming, chunk_of
from moeasr.deploy.networks import Caches, Encoded
from moeasr.deploy.phrase_scorer import PhraseScorer
from moeasr.errors import InputError
from moeasr.text.normalize import normalize

NO_SAMPLES = np.zeros(0, np.float32)


class StreamBatch:
    """Streams with common settings at the sample rate of the model.

    The results are those of single streams but for rounding.

    Args:
        recognizer: The model folder.
        mode: The decoding mode.
        config: The settings, with the sizes of chunks of the folder and a `reverse_weight`.
        endpoint: Rules that end an utterance; None if only the end of the stream ends it.

    Raises:
        InputError: The folder has no network for batches, or it is invalid.
    """

    def __init__(
        self,
        recognizer: FolderRecognizer,
        mode: str,
        config: DecodeConfig,
        endpoint: EndpointConfig | None,
    ) -> None:
        self._recognizer = recognizer
        self._network = recognizer.batch
        self._settings = mode, config, endpoint

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the samples, Hz."""
        return self._recognizer.folder.config.fbank.sample_rate_hz

    def open(self, phrases: Sequence[str] = ()) -> "BatchedStream":
        """Open a stream.

        Args:
            phrases: Phrases to boost.

        Raises:
            InputError: The units of the model cannot write one of the phrases, or the mode cannot
                use phrases.
        """
        scorer = self._scorer(phrases) if phrases else None
        return BatchedStream(_BatchedStreaming(self._recognizer, *self._settings, scorer))

    def _scorer(self, phrases: Sequence[str]) -> PhraseScorer:
        """Return the scorer of phrases."""
        mode, config, _ = self._settings
        tokenizer = self._recognizer.folder.tokenizer
        if "fusion" not in MODES[mode].settings:
            raise InputError(f"mode {mode} cannot boost phrases")
        texts = dict.fromkeys(map(normalize, phrases))
        for text in texts:
            if not text or tokenizer.unknown(text):
                raise InputError(
                    f"phrase '{text}' cannot be written with the model's units; check its letter "
                    "case"
                )
        boost = config.fusion.context_score
        return PhraseScorer([Phrase(text, boost) for text in texts], tokenizer)

    def advance(self, streams: Sequence["BatchedStream"]) -> list[list[LiveTranscription]]:
        """Recognise the next chunk of each stream.

        Args:
            streams: Streams that are ready; none appears twice.

        Returns:
            The new results of each stream.
        """
        network, together = self._network, []
        for stream in streams:
            window, caches = stream.encoder.window()
            if network.can_encode(window):
                together.append((stream.encoder, window, caches))
            else:
                found = self._recognizer.streaming.step(window, network.chunk_size, caches)
                stream.encoder.put(*found)
        if together:
            encoders, windows, caches = zip(*together)
            for encoder, found in zip(encoders, network.step(windows, caches)):
                encoder.put(*found)
        return [stream.push(NO_SAMPLES) for stream in streams]


class BatchedStream:
    """A stream that `StreamBatch` has opened.

    Args:
        streaming: The model folder with the settings, and the encoder of this stream.
    """

    def __init__(self, streaming: "_BatchedStreaming") -> None:
        self.encoder = streaming.encoder
        """The features and caches of the stream."""
        self._live = LiveStream(RecognitionStream(streaming), _unchanged, streaming.recognizer)

    @property
    def is_ready(self) -> bool:
        """True if a chunk of the stream is complete and waits for `StreamBatch.advance`."""
        return self.encoder.is_ready

    def push(self, samples: np.ndarray) -> list[LiveTranscription]:
        """Accept any number of further samples (S,), and return the results of encoded chunks.

        Raises:
            InputError: The samples are not audio in [-1, 1], or the stream has ended.
        """
        return self._live.push(samples)

    def finish(self) -> list[LiveTranscription]:
        """End the stream, and return the remaining results, of which the last one is final."""
        return self._live.finish()


class _BatchedStreaming(FolderStreaming):
    """A model folder that recognises one stream, whose chunks others encode."""

    def __init__(
        self,
        recognizer: FolderRecognizer,
        mode: str,
        config: DecodeConfig,
        endpoint: EndpointConfig | None,
        phrases: PhraseScorer | None,
    ) -> None:
        super().__init__(recognizer, mode, config, endpoint, phrases)
        self.recognizer = recognizer
        self.encoder = BatchedEncoder(recognizer, config.chunk_size, config.num_left_chunks)

    def open_encoder(self, language: int | None) -> "BatchedEncoder":
        """Return the encoder of the stream."""
        return self.encoder


class BatchedEncoder(FolderStreamEncoder):
    """The features and caches of one stream, whose complete chunks are encoded in a batch.

    The last chunk, which is incomplete, is encoded alone.
    """

    def restart(self) -> None:
        """Clear the left context, see `StreamEncoder.restart`."""
        super().restart()
        self._encoded: list[EncodedChunk] = []

    @property
    def is_ready(self) -> bool:
        """True if the features of a chunk are complete."""
        return len(self._feats) >= self._window_frames

    def window(self) -> tuple[np.ndarray, Caches]:
        """Return the features (W, F) of the next chunk and the state before it."""
        return self._feats[: self._window_frames], self._caches

    def put(self, encoded: Encoded, caches: Caches) -> None:
        """Put the outputs for `window`, which the next call of `accept` returns."""
        self._feats, self._caches = self._feats[self._hop_frames :], caches
        self._encoded.append(chunk_of(encoded))

    def accept(self, samples: np.ndarray) -> Iterator[EncodedChunk]:
        """Yield the chunks that have been encoded, and add the features of further samples."""
        self._feats = np.concatenate([self._feats, self._fbank.accept(samples)])
        encoded, self._encoded = self._encoded, []
        yield from encoded


def _unchanged(samples: np.ndarray, is_last: bool) -> np.ndarray:
    return samples
