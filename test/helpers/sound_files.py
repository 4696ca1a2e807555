"""Audio files in memory."""

import io

import soundfile


def file_of(samples, rate_hz=16000, form="WAV", **options):
    """Return the content of a file."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate_hz, format=form, **options)
    return stream.getvalue()
