"""Log mel filter banks by kaldi-native-fbank, of whole recordings and of streams, without torch."""

import numpy as np

from moeasr.deploy.optional_packages import import_optional
from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig

SAMPLE_SCALE = 32768.0  # Kaldi computes filter banks of 16-bit integers, not of [-1, 1]
FLOOR = -15.9424
"""Log of the float epsilon: the value of digital silence in every mel bin. Smaller features, which
another front end may compute, are raised to it, because no training set contains them."""


class NativeFbank:
    """The features of one signal, which arrives in pieces; there is no dither.

    Args:
        config: Settings of the filter banks.

    Raises:
        InputError: kaldi-native-fbank does not support the settings.
    """

    def __init__(self, config: FbankConfig) -> None:
        knf = import_optional("kaldi_native_fbank")
        options = knf.FbankOptions()
        frames, mels = options.frame_opts, options.mel_opts
        frames.samp_freq = config.sample_rate_hz
        frames.frame_length_ms, frames.frame_shift_ms = (
            config.frame_length_ms,
            config.frame_shift_ms,
        )
        frames.window_type, frames.snip_edges = config.window_type, config.snip_edges
        frames.dither = 0.0
        mels.num_bins = config.num_mel_bins
        mels.low_freq, mels.high_freq = config.low_freq_hz, config.high_freq_hz
        self._config = config
        try:
            self._fbank = knf.OnlineFbank(options)
        except (ValueError, RuntimeError) as error:
            raise InputError(
                f"kaldi-native-fbank cannot compute these features ({str(error).strip()}): with "
                f"windows of {config.frame_length_ms:g} ms, use less than {config.num_mel_bins} "
                "filters (`num_mel_bins`)"
            ) from None
        self._num_frames = 0  # returned so far
        self._is_over = False

    def accept(self, samples: np.ndarray) -> np.ndarray:
        """Accept the next (S,) samples in [-1, 1]; return the (T, F) frames that are now complete.

        Raises:
            InputError: The signal has already ended, or a sample is NaN or infinite.
        """
        if self._is_over:
            raise InputError("this stream has ended and accepts no more audio")
        if not np.isfinite(samples).all():
            raise InputError("the audio contains NaN or infinity")
        scaled = samples.astype(np.float32) * np.float32(SAMPLE_SCALE)
        if scaled.size:
            self._fbank.accept_waveform(self._config.sample_rate_hz, scaled.tolist())
        return self._new_frames()

    def finish(self) -> np.ndarray:
        """End the signal; return the remaining (T, F) frames, whose windows extend beyond its end.

        Raises:
            InputError: The signal has already ended.
        """
        if self._is_over:
            raise InputError("this stream has already ended")
        self._is_over = True
        self._fbank.input_finished()
        return self._new_frames()

    def _new_frames(self) -> np.ndarray:
        end = self._fbank.num_frames_ready
        places = range(self._num_frames, end)
        found = np.empty((len(places), self._config.num_mel_bins), np.float32)
        for row, place in enumerate(places):
            found[row] = self._fbank.get_frame(place)
        self._fbank.pop(len(places))
        self._num_frames = end
        return found


def native_fbank(samples: np.ndarray, config: FbankConfig) -> np.ndarray:
    """Return the (T, F) features of (S,) samples in [-1, 1], as `compute_fbank` without dither.

    Raises:
        InputError: A sample is NaN or infinite.
    """
    fbank = NativeFbank(config)
    return np.concatenate([fbank.accept(samples), fbank.finish()])
