"""The recognizer of a model folder, which turns waveforms into hypotheses."""

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from moeasr.decode.config import DecodeConfig
from moeasr.decode.hypothesis import Hypothesis
from moeasr.decode.times import Times, times_of
from moeasr.deploy.batch_network import BatchNetwork
from moeasr.deploy.folder_modes import MODES, search
from moeasr.deploy.model_folder import (
    DECODER,
    OFFLINE,
    STREAMING,
    ZIPFORMER,
    ChunkSizes,
    ModelFolder,
)
from moeasr.deploy.native_fbank import native_fbank
from moeasr.deploy.networks import (
    Caches,
    DecoderNetwork,
    Encoded,
    OfflineNetwork,
    StreamingNetwork,
)
from moeasr.deploy.optional_packages import import_optional
from moeasr.deploy.phrase_scorer import PhraseScorer
from moeasr.errors import InputError


class FolderRecognizer:
    """A model folder with its networks.

    The networks of streams and of rescoring are read when they are first used.

    Args:
        folder: The folder.
        is_int8: Use the networks in int8; the attention decoders are always in float32.
        num_threads: Number of CPU threads; None lets onnxruntime decide.

    Raises:
        InputError: A file is missing or invalid.
    """

    def __init__(self, folder: ModelFolder, is_int8: bool, num_threads: int | None) -> None:
        self.folder = folder
        self.is_int8 = is_int8
        self._num_threads = num_threads
        config = folder.config
        import_optional("kaldi_native_fbank")  # a missing package is reported here already
        if config.streaming is not None:
            folder.file(STREAMING, is_int8)
        if config.has_decoder:
            folder.file(DECODER)
        path = folder.file(OFFLINE, is_int8)
        self.offline = OfflineNetwork(path, num_threads, folder.tokenizer.vocab_size)
        """The encoder of whole recordings."""

    def read_networks(self, *, for_streams: bool, for_rescoring: bool) -> None:
        """Read networks before they are used, so that faults are found before audio is read.

        Raises:
            InputError: The file of one of these networks is missing or invalid.
        """
        _ = (for_streams and self.streaming, for_rescoring and self.decoder)

    def stream_sizes(self) -> ChunkSizes:
        """Return the sizes of chunks of the streaming file.

        Raises:
            InputError: The folder has no such file.
        """
        sizes = self.folder.config.streaming
        if sizes is None:
            raise InputError(
                f"model folder {self.folder.path} has no {STREAMING}; export the checkpoint again "
                "without --offline-only (a model that sees future frames cannot stream)"
            )
        return sizes

    @cached_property
    def streaming(self) -> StreamingNetwork:
        """The encoder of streams.

        Raises:
            InputError: The folder has no such file, or it is invalid.
        """
        folder = self.folder
        self.stream_sizes()
        path = folder.file(STREAMING, self.is_int8)
        return StreamingNetwork(path, self._num_threads, folder.tokenizer.vocab_size)

    @cached_property
    def batch(self) -> BatchNetwork:
        """The encoder of batches of streams.

        Raises:
            InputError: The folder has no such file, or it is invalid.
        """
        self.stream_sizes()
        path = self.folder.file(ZIPFORMER, self.is_int8)
        return BatchNetwork(path, self._num_threads, self.folder.config)

    @cached_property
    def decoder(self) -> DecoderNetwork:
        """The attention decoders.

        Raises:
            InputError: The file is missing or invalid.
        """
        return DecoderNetwork(self.folder.file(DECODER), self._num_threads)

    def read_phrases(self, config: DecodeConfig) -> PhraseScorer | None:
        """Read the boosted phrases of the settings; None if they name no file.

        Raises:
            InputError: The file is missing or invalid, or the units can write none of its phrases.
        """
        return PhraseScorer.read(config.fusion, self.folder.tokenizer)

    @property
    def modes(self) -> tuple[str, ...]:
        """The decoding modes of the folder, from the fastest to the most accurate."""
        has_decoder = self.folder.config.has_decoder
        return tuple(name for name, mode in MODES.items() if has_decoder or not mode.rescores)

    @property
    def frame_sec(self) -> float:
        """Seconds from one encoder frame to the next."""
        config = self.folder.config
        return config.subsampling_rate * config.fbank.frame_shift_sec

    def text(self, hypothesis: Hypothesis) -> str:
        """Return the text of a hypothesis."""
        return self.folder.tokenizer.decode(hypothesis.tokens)

    def times(self, hypothesis: Hypothesis) -> Times | None:
        """Return the times of tokens and words in a hypothesis; None without an alignment."""
        return times_of(hypothesis, self.folder.tokenizer, self.frame_sec)

    def recognize(
        self,
        waveform: np.ndarray,
        mode: str,
        config: DecodeConfig,
        phrases: PhraseScorer | None = None,
    ) -> list[Hypothesis]:
        """Return the hypotheses of a recording, best first.

        Args:
            waveform: (S,) samples in [-1, 1] at the model's sample rate.
            mode: One of `modes`.
            config: The settings, with a `reverse_weight`.
            phrases: Boosted phrases, if the mode can use them.

        Raises:
            InputError: A sample is NaN or infinite.
        """
        feats = native_fbank(waveform, self.folder.config.fbank)
        if self.folder.config.num_encoder_frames(len(feats)) == 0:
            return [Hypothesis(tokens=(), score=0.0, frames=(), spans=(), token_confidence=())]
        decoder = self.decoder if MODES[mode].rescores else None
        return search(self._encode(feats, config), mode, config, decoder, phrases)

    def encode_window(self, feats: np.ndarray, caches: Caches) -> tuple[Encoded, Caches] | None:
        """Encode the next chunk of a stream.

        Args:
            feats: The features (W, F) that belong to the chunk, perhaps with a few further frames.
            caches: The state after the chunk before it.

        Returns:
            The outputs and the next state; None if the features are too few for one frame.
        """
        config = self.folder.config
        num_new = config.num_encoder_frames(len(feats))
        if num_new == 0:
            return None
        window = feats[: config.subsampling_rate * (num_new - 1) + config.min_frames]
        return self.streaming.step(window, num_new, caches)

    def _encode(self, feats: np.ndarray, config: DecodeConfig) -> Encoded:
        """Encode a recording as a whole, or in chunks as if streaming."""
        if config.chunk_size == -1:
            return self.offline.encode(feats)
        rate = self.folder.config.subsampling_rate
        num_frames = self.folder.config.num_encoder_frames(len(feats))
        # Sizes beyond the recording would only cost memory.
        chunk_size = min(config.chunk_size, num_frames)
        num_chunks = math.ceil(num_frames / chunk_size)
        num_left = config.num_left_chunks
        num_left = num_chunks if num_left == -1 else min(num_left, num_chunks)
        caches, found = self.streaming.start(num_left * chunk_size), []
        window_frames = self.window_frames(chunk_size)
        for number in range(num_chunks):
            first = number * chunk_size * rate
            encoded = self.encode_window(feats[first : first + window_frames], caches)
            if encoded is not None:
                found.append(encoded[0])
                caches = encoded[1]
        return join_encoded(found)

    def window_frames(self, chunk_size: int) -> int:
        """Return the number of feature frames that a chunk of a stream needs."""
        config = self.folder.config
        return config.subsampling_rate * (chunk_size - 1) + config.min_frames


def join_encoded(parts: Sequence[Encoded]) -> Encoded:
    """Return the outputs of successive chunks as those of one recording."""
    return Encoded(
        np.concatenate([part.enc for part in parts]),
        np.concatenate([part.log_probs for part in parts]),
    )
