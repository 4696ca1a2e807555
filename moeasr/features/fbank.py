"""Log mel filter banks in Kaldi's convention."""

import torch
import torchaudio.compliance.kaldi as kaldi

from moeasr.errors import InputError
from moeasr.features.fbank_config import FbankConfig, num_fbank_frames, window_range

SAMPLE_SCALE = 32768.0  # Kaldi's filter banks see 16-bit integers, not [-1, 1]


def compute_fbank(
    waveform: torch.Tensor, config: FbankConfig, generator: torch.Generator | None = None
) -> torch.Tensor:
    """Log mel filter banks of one utterance.

    Digital silence gives log(float epsilon) = -15.94 in every bin, never infinity.

    Args:
        waveform: (S,) float samples in [-1, 1] at `config.sample_rate_hz`.
        config: The settings.
        generator: Source of the dither. Without one there is none, whatever `config.dither` says,
            so that recognition gives the same answer twice.

    Returns:
        (T, F) float32, T = `num_fbank_frames(S, config)`; T may be 0.

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
    """Raise `InputError` if a sample is NaN or infinite: a network makes an empty text of it."""
    if not bool(torch.isfinite(samples).all()):
        raise InputError("the audio holds NaN or infinity")


def mirrored(positions: torch.Tensor, num_samples: int) -> torch.Tensor:
    """Positions outside 0..S-1 folded back: ... 1 0 | 0 1 ... S-1 | S-1 S-2 ...

    torchaudio's own `snip_edges=False` fails on signals shorter than a window and doubles the
    length of all others; Kaldi mirrors as often as needed, and so does this.
    """
    folded = positions.remainder(2 * num_samples)
    return torch.minimum(folded, 2 * num_samples - 1 - folded)


def log_mel(samples: torch.Tensor, config: FbankConfig) -> torch.Tensor:
    """Features of the whole windows in (S,) samples in [-1, 1], the first at sample 0: (T, F)."""
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
