"""Plan of the mini corpus: speakers, sentences and noise of all recordings, before synthesis."""

from dataclasses import dataclass
from itertools import product
from typing import Protocol

import grammar
import grammar_de
import numpy as np

from moeasr.errors import InputError

SET_NAMES = ("train", "dev", "test")

# Voice variants of espeak-ng. Each is one speaker, and a speaker belongs to one set only.
VARIANTS = {
    "train": (
        *("f1", "f3", "f5", "Alicia", "Annie", "aunty", "anika", "steph", "shelby", "grandma"),
        *("m1", "m2", "m4", "m6", "m8", "adam", "Alex", "antonio", "benjamin", "boris"),
        *("caleb", "david", "Denis", "ed", "edward", "gustave", "Henrique", "Hugo", "ian", "iven"),
        *("Jacky", "john", "Lee", "marcelo", "Marco", "Mario", "max", "Mike", "norbert", "pablo"),
        *("pedro", "quincy", "Reed", "rob", "sandro", "Storm", "travis", "victor"),
    ),
    "dev": ("f4", "belinda", "m5", "Gene", "paul", "Diogo"),
    "test": ("f2", "linda", "Andrea", "steph2", "m3", "m7", "Andy", "Michael", "miguel", "robert"),
}
ACCENTS = {"en": ("en-us", "en-us-nyc", "en-gb-x-rp"), "de": ("de",)}
GRAMMARS: dict[str, "Grammar"] = {"en": grammar, "de": grammar_de}
WORDS_PER_MINUTE = range(130, 191, 4)
PITCHES = range(30, 71, 4)
BABBLE_VOICES = 4

# Start, pauses and end of speech vary, so that a network cannot learn fixed times instead.
MAX_PAUSE_SEC = 1.5
SHORT_PAUSE_SEC, SHORT_PAUSE_SHARE = 0.3, 0.6
NO_SPEECH_SEC = (0.5, 3.0)
NO_SPEECH_SHARE = 0.08  # share of parts with only silence or noise
INNER_PAUSE_SHARE = 0.3  # share of sentences with a pause between two words
# Shares of recordings with one, two, ... parts. In training some last 15 seconds and more, which a
# stream without a long pause does, too.
NUM_PARTS_SHARES = {
    "train": (0.5, 0.2, 0.15, 0.1, 0.0, 0.05),
    "dev": (0.8, 0.2),
    "test": (0.8, 0.2),
}
OTHER_VOICE_SHARE = 0.5  # share of later parts with another voice


class Grammar(Protocol):
    """The source of the sentences of a language; a module such as `grammar` is one."""

    def sentence(self, rng: np.random.Generator) -> str:
        """Sample one sentence: upper-case words separated by single spaces."""

    def spoken_form(self, text: str) -> str:
        """Return the input with which espeak-ng says `text`."""


@dataclass(frozen=True)
class Saying:
    """A sentence with the settings of espeak-ng."""

    voice: str
    """Language and variant, such as `en-us+f3`."""
    words_per_minute: int
    """Speed in words per minute."""
    pitch: int
    """Pitch from 0 to 100; 50 is the default of the variant."""
    text: str
    """Input of espeak-ng, see `grammar.spoken_form`."""


@dataclass(frozen=True)
class Part:
    """A stretch of a recording: one voice or none, in noise of one kind and level."""

    phrases: tuple[Saying, ...]
    """Phrases of one voice, one after the other; none in a part without speech."""
    pauses_sec: tuple[float, ...]
    """Pauses before, between and after the phrases in seconds, one more than phrases."""
    level_db: float
    """Level of the speech relative to full scale (negative)."""
    noise: str
    """Kind of noise: "none", "white", "pink" or "babble"."""
    snr_db: float
    """Level of the speech over that of the noise."""
    babble: tuple[Saying, ...]
    """Sentences of the voices in the background; empty unless the noise is "babble"."""
    seed: int
    """Seed of the noise samples."""


@dataclass(frozen=True)
class Recording:
    """An utterance of the corpus, including its noise."""

    utt_id: str
    """Utterance id `<speaker>-<number>`."""
    set_name: str
    """Name of the set: "train", "dev" or "test"."""
    speaker: str
    """Name of the first voice variant in lower case."""
    text: str
    """The transcript; empty for a recording without speech."""
    parts: tuple[Part, ...]
    """Stretches of the recording, in order."""
    language: str | None = None
    """Language of the recording; None in a corpus of one language."""


def plan_corpus(
    seed: int,
    num_utts: dict[str, int],
    min_snr_db: float,
    max_snr_db: float,
    languages: tuple[str, ...] = ("en",),
    grammars: dict[str, Grammar] = GRAMMARS,
) -> list[Recording]:
    """Sample the recordings of the corpus.

    Every utterance has its own random generator, so that a larger corpus begins with the utterances
    of a smaller one.

    Args:
        seed: Seed of the corpus.
        num_utts: Number of utterances in each of "train", "dev" and "test".
        min_snr_db: Lowest signal-to-noise ratio.
        max_snr_db: Highest signal-to-noise ratio.
        languages: Languages of the corpus. Every voice speaks one after the other, each in a whole
            recording. A corpus of several languages omits recordings without speech, because they
            are in no language.
        grammars: Sources of the sentences of each language.

    Returns:
        All recordings, set by set.

    Raises:
        InputError: A set or the SNR range would be empty.
    """
    for name in SET_NAMES:
        if num_utts[name] < 1:
            raise InputError(f"the {name} set must have 1 utterance or more, not {num_utts[name]}")
    if min_snr_db > max_snr_db:
        raise InputError(f"the SNR cannot reach from {min_snr_db} to {max_snr_db} dB")
    manners = _draw_manners(seed)
    recordings = []
    for set_number, name in enumerate(SET_NAMES):
        for number in range(num_utts[name]):
            rng = np.random.default_rng([seed, 1, set_number, number])
            variant = VARIANTS[name][number % len(VARIANTS[name])]
            language = languages[number // len(VARIANTS[name]) % len(languages)]
            draw = PartDrawer(
                rng, name, language, grammars[language], manners, (min_snr_db, max_snr_db)
            )
            parts, texts = [], []
            shares = NUM_PARTS_SHARES[name]
            for place in range(1 + rng.choice(len(shares), p=shares)):
                if place > 0 and rng.random() < OTHER_VOICE_SHARE:
                    part, text = draw.part(draw.variant())
                else:
                    part, text = draw.part(variant)
                parts.append(part)
                texts.append(text)
            if len(languages) > 1 and not any(texts):
                continue
            recordings.append(
                Recording(
                    utt_id=f"{variant.lower()}-{number:04d}",
                    set_name=name,
                    speaker=variant.lower(),
                    text=" ".join(filter(None, texts)),
                    parts=tuple(parts),
                    language=language if len(languages) > 1 else None,
                )
            )
    return recordings


@dataclass(frozen=True)
class PartDrawer:
    """A sampler of the parts of one recording.

    Attributes:
        rng: Random generator of the recording.
        set_name: Set whose voices speak, also in the background.
        language: Language of all sentences.
        grammar: Source of the sentences.
        manners: Number, speed and pitch of each variant; the number chooses the accent.
        snr_range_db: Lowest and highest signal-to-noise ratio.
    """

    rng: np.random.Generator
    set_name: str
    language: str
    grammar: Grammar
    manners: dict[str, tuple[int, int, int]]
    snr_range_db: tuple[float, float]

    def part(self, variant: str) -> tuple[Part, str]:
        """Sample a part of a voice and its transcript, which is empty without speech."""
        rng = self.rng
        noise = ("none", "white", "pink", "babble")[rng.integers(4)]
        phrases = self._phrases()
        if not phrases and noise == "babble":  # voices in the background would still be speech
            noise = "pink"
        part = Part(
            phrases=tuple(self._say(variant, phrase) for phrase in phrases),
            pauses_sec=self._pauses_sec(len(phrases)),
            level_db=rng.uniform(-30.0, -18.0),
            noise=noise,
            snr_db=rng.uniform(*self.snr_range_db),
            babble=tuple(self._babble() for _ in range(BABBLE_VOICES * (noise == "babble"))),
            seed=int(rng.integers(2**31)),
        )
        return part, " ".join(phrases)

    def variant(self) -> str:
        """Sample a voice of the set."""
        variants = VARIANTS[self.set_name]
        return variants[self.rng.integers(len(variants))]

    def _phrases(self) -> list[str]:
        """Sample a sentence in one or two phrases, or no phrase at all."""
        if self.rng.random() < NO_SPEECH_SHARE:
            return []
        words = self.grammar.sentence(self.rng).split()
        if len(words) == 1 or self.rng.random() >= INNER_PAUSE_SHARE:
            return [" ".join(words)]
        cut = self.rng.integers(1, len(words))
        return [" ".join(words[:cut]), " ".join(words[cut:])]

    def _pauses_sec(self, num_phrases: int) -> tuple[float, ...]:
        """Sample the pauses around phrases in seconds."""
        if num_phrases == 0:
            return (self.rng.uniform(*NO_SPEECH_SEC),)
        are_short = self.rng.random(num_phrases + 1) < SHORT_PAUSE_SHARE
        longest = np.where(are_short, SHORT_PAUSE_SEC, MAX_PAUSE_SEC)
        return tuple(self.rng.uniform(0.0, longest).tolist())

    def _babble(self) -> Saying:
        """Sample two sentences of a voice of the same set, so that no voice is in two sets."""
        variant = self.variant()
        sentences = [self.grammar.sentence(self.rng) for _ in range(2)]
        return self._say(variant, " ".join(sentences))

    def _say(self, variant: str, text: str) -> Saying:
        number, words_per_minute, pitch = self.manners[variant]
        accents = ACCENTS[self.language]
        voice = f"{accents[number % len(accents)]}+{variant}"
        return Saying(voice, words_per_minute, pitch, self.grammar.spoken_form(text))


def _draw_manners(seed: int) -> dict[str, tuple[int, int, int]]:
    """Return number, speed and pitch of each variant; no two variants share speed and pitch."""
    rng = np.random.default_rng([seed, 0])
    pairs = rng.permutation(list(product(WORDS_PER_MINUTE, PITCHES)))
    variants = [variant for name in SET_NAMES for variant in VARIANTS[name]]
    return {
        variant: (number, int(speed), int(pitch))
        for number, (variant, (speed, pitch)) in enumerate(zip(variants, pairs))
    }
