"""The audio of single utterances as FLAC files, for the players of a page."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from moeasr.audio.recording import RecordingReader, resample
from moeasr.data.data_type import DATA_TYPES
from moeasr.errors import InputError

MAX_BYTES = 1_000_000
"""Largest size of all clips of an experiment together."""


def read_clips(
    data_dir: str | Path, utt_ids: Sequence[str], sample_rate_hz: int
) -> tuple[dict[str, bytes], str | None]:
    """Return the audio of utterances in FLAC, and the reason if a clip is missing.

    Args:
        data_dir: A data directory, which need not contain audio.
        utt_ids: The utterances.
        sample_rate_hz: Sample rate of the clips.

    Returns:
        Utterance id -> FLAC file, and a sentence about the missing clips or None.
    """
    if not (Path(data_dir) / DATA_TYPES["raw"].table).is_file():
        return {}, f"There is no player, because {data_dir} has no wav.scp."
    clips: dict[str, bytes] = {}
    try:
        utterances = DATA_TYPES["raw"].open(data_dir)
        indices = utterances.indices_of(np.array([utt_id.encode() for utt_id in utt_ids]))
        reader = RecordingReader()
        for utt_id, index in zip(utt_ids, indices.tolist()):
            if index < 0:
                raise InputError(f"utterance {utt_id} is not in {data_dir}/wav.scp")
            item = utterances[index]
            waveform, rate_hz = reader.read(item.entry, item.start_sec, item.end_sec)
            waveform, _ = resample(waveform, rate_hz, sample_rate_hz)
            clip = _flac(waveform.numpy(), sample_rate_hz)
            if sum(map(len, clips.values())) + len(clip) > MAX_BYTES:
                return clips, f"The audio of {utt_id} is too long for this page."
            clips[utt_id] = clip
    except InputError as error:
        return clips, f"A player is missing: {error}."
    return clips, None


def _flac(samples: np.ndarray, sample_rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()
