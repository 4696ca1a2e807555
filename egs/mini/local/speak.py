"""Synthesise sentences with espeak-ng: JSON lines on stdin, samples on stdout.

espeak-ng keeps the phase of its oscillators from one sentence to the next, even when initialised
again. Only a new process gives the same samples for a sentence independent of earlier sentences and
of the number of jobs. This program therefore runs in its own process, and has few imports so that
hundreds of starts are fast.

Input lines:  {"voice": "en-us+f3", "words_per_minute": 160, "pitch": 50, "text": "hello"}
Output:       for each line, the number of samples (32 bits) and the samples (16 bits, 22.05 kHz),
              little-endian

Example:
  echo '{"voice": "en-us", ...}' | python3 local/speak.py <libespeak-ng.so> <espeak-ng-data> >out
"""

import ctypes
import json
import struct
import sys

SAMPLE_RATE_HZ = 22050
# values of espeak-ng's speak_lib.h
OUTPUT_SYNCHRONOUS = 2
PARAMETER_RATE, PARAMETER_PITCH = 1, 3
CHARS_UTF8, PHONEMES = 0x1, 0x100
OK = 0
CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Speaker:
    """The espeak-ng library of this process.

    Args:
        library: Path of libespeak-ng.
        data: Path of its `espeak-ng-data`.
    """

    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._blocks: list[bytes] = []
        self._callback = CALLBACK(
            self._receive
        )  # a reference is kept, because the library does not own the callback
        rate_hz = self._library.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, data.encode(), 0)
        if rate_hz != SAMPLE_RATE_HZ:
            sys.exit(f"espeak-ng does not start with the voices in {data} (it returns {rate_hz})")
        self._library.espeak_SetSynthCallback(self._callback)
        # Breath noise comes from a generator that espeak_Initialize seeds with the time of day.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))

    def say(self, voice: str, words_per_minute: int, pitch: int, text: str) -> bytes:
        """Return the 16-bit samples of `text`.

        Args:
            voice: Language and variant, such as `en-us+f3`.
            words_per_minute: Speed; 175 is the default of espeak-ng.
            pitch: Pitch from 0 to 100; 50 is the default of the variant.
            text: Words; `[[...]]` contains phonemes.
        """
        if self._library.espeak_SetVoiceByName(voice.encode()) != OK:
            sys.exit(f"espeak-ng has no voice '{voice}'")
        self._library.espeak_SetParameter(PARAMETER_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(PARAMETER_PITCH, pitch, 0)
        self._blocks.clear()
        data = text.encode()
        flags = CHARS_UTF8 | PHONEMES
        if self._library.espeak_Synth(data, len(data) + 1, 0, 0, 0, flags, None, None) != OK:
            sys.exit(f"espeak-ng cannot say '{text}'")
        return b"".join(self._blocks)

    def _receive(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, 2 * count))
        return 0  # 0 tells espeak-ng to continue


def main() -> None:
    """Synthesise every line of stdin."""
    if len(sys.argv) != 3:
        sys.exit(f"Usage: {sys.argv[0]} <libespeak-ng.so> <espeak-ng-data>")
    speaker = Speaker(sys.argv[1], sys.argv[2])
    for line in sys.stdin:
        samples = speaker.say(**json.loads(line))
        sys.stdout.buffer.write(struct.pack("<I", len(samples) // 2) + samples)


if __name__ == "__main__":
    main()
