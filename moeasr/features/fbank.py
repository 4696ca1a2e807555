"""Log mel filter banks in Kaldi's convention."""

import torch
import torchaudio.compliance.kaldi as kaldi

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames, window_range

SAMPLE_SCALE = 32768.0  # Kaldi computes filter banks of 16-bit integers, not of [-1, 1]


def compute_fbank(
    waveform: torch.Tensor, config: FbankConfig, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Compute the log mel filter banks of one utterance.

    Digital silence gives log(float epsilon) = -15.94 in every bin, never minus infinity.

    Args:
        waveform: (S,) float samples in [-1, 1] at `config.sample_rate_hz`.
        config: Settings of the filter banks.
        generator: Random number generator of the dither. None disables dither regardless of
            `config.dither`, so that decoding is deterministic.

    Returns:
        (T, F) float32 features, T = `num_fbank_frames(S, config)`; T may be 0.

    Raises:
        InputError: A sample is NaN or infinite.
    """
    check_finite(waveform)
    num_frames = num_fbank_frames(waveform.numel(), config)
    if num_frames == 0:
        return torch.zeros(0, config.num_mel_bins)
    if generator is not None and config.dither > 0:
        noise = torch.randn(waveform.shape, generator=generator)
        waveform = waveform.to(torch.float32) + config.dither / SAMPLE_SCALE * noise
    first, end = window_range(0, num_frames, config)
    positions = torch.arange(first, end)
    return log_mel(waveform[mirrored(positions, waveform.numel())], config)


def check_finite(samples: torch.Tensor) -> None:
    """Raise `InputError` if a sample is NaN or infinite, which would give an empty hypothesis."""
    if not bool(torch.isfinite(samples).all()):
        raise InputError("the audio contains NaN or infinity")


def mirrored(positions: torch.Tensor, num_samples: int) -> torch.Tensor:
    """Map positions outside 0..S-1 into the signal by mirroring: ... 1 0 | 0 1 ... S-1 | S-1 ...

    torchaudio's `snip_edges=False` fails for signals shorter than a window, and doubles the length
    of all others. This function mirrors as often as necessary, as Kaldi does.
    """
    folded = positions.remainder(2 * num_samples)
    return torch.minimum(folded, 2 * num_samples - 1 - folded)


def log_mel(samples: torch.Tensor, config: FbankConfig) -> torch.Tensor:
    """Compute the (T, F) features of all whole windows in (S,) samples in [-1, 1].

    The first window begins at sample 0.
    """
    return kaldi.fbank(
        samples.to(torch.float32).unsqueeze(0) * SAMPLE_SCALE,
        sample_frequency=float(config.sample_rate_hz),
        num_mel_bins=config.num_mel_bins,
        frame_length=config.frame_length_ms,
        frame_shift=config.frame_shift_ms,
        low_freq=config.low_freq_hz,
        high_freq=config.high_freq_hz,
        window_type=config.window_type,
        dither=0.0,
        snip_edges=True,
    )
