"""Who says what, and how it was recorded: the whole corpus as a list, before a sound is made."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from grammar import sentence, spoken_form

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
ACCENTS = ("en-us", "en-us-nyc", "en-gb-x-rp")
WORDS_PER_MINUTE = range(130, 191, 4)
PITCHES = range(30, 71, 4)
BABBLE_VOICES = 4

# Speech begins, pauses and ends at any time, so that a network cannot learn the clock instead.
MAX_PAUSE_SEC = 1.5
SHORT_PAUSE_SEC = 0.3
NO_SPEECH_SEC = (0.5, 3.0)
NO_SPEECH_SHARE = 0.04  # recordings of nothing but silence or noise, with an empty transcript
TWO_SENTENCES_SHARE = 0.2
INNER_PAUSE_SHARE = 0.3  # sentences with a pause between two of their words


@dataclass(frozen=True)
class Saying:
    """One sentence as espeak-ng is asked for it."""

    voice: str
    """Language and variant, e.g. `en-us+f3`."""
    words_per_minute: int
    """Speed."""
    pitch: int
    """0 to 100; 50 is the variant's own."""
    text: str
    """What to say, see `grammar.spoken_form`."""


@dataclass(frozen=True)
class Recording:
    """One utterance of the corpus, down to its noise."""

    utt_id: str
    """`<speaker>-<number>`."""
    set_name: str
    """"train", "dev" or "test"."""
    speaker: str
    """The voice variant's name in lower case."""
    text: str
    """The transcript; empty for a recording without speech."""
    sayings: tuple[Saying, ...]
    """Phrases, said one after the other by one voice; none in a recording without speech."""
    babble: tuple[Saying, ...]
    """What others say meanwhile; only for noise of that kind."""
    noise: str
    """"none", "white", "pink" or "babble"."""
    snr_db: float
    """Level of the speech over that of the noise."""
    level_db: float
    """Level of the speech under full scale (negative)."""
    pauses_sec: tuple[float, ...]
    """Pauses before, between and after the phrases, seconds: one more than there are phrases."""
    seed: int
    """Seed of the noise's samples."""


def plan_corpus(
    seed: int, num_utts: dict[str, int], min_snr_db: float, max_snr_db: float
) -> list[Recording]:
    """Draw the corpus.

    Every utterance is drawn from its own generator, so that a longer corpus begins with the
    utterances of a shorter one.

    Args:
        seed: Another seed, another corpus.
        num_utts: Utterances in each of "train", "dev" and "test".
        min_snr_db: Loudest noise.
        max_snr_db: Softest noise.

    Returns:
        All recordings, set by set.

    Raises:
        InputError: A set would be empty, or the SNR range is.
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
            noise = ("none", "white", "pink", "babble")[rng.integers(4)]
            phrases = _draw_phrases(rng)
            # nothing but voices in the background would still be speech
            noise = "pink" if noise == "babble" and not phrases else noise
            num_others = BABBLE_VOICES if noise == "babble" else 0
            recordings.append(
                Recording(
                    utt_id=f"{variant.lower()}-{number:04d}",
                    set_name=name,
                    speaker=variant.lower(),
                    text=" ".join(phrases),
                    sayings=tuple(_say(variant, manners, phrase) for phrase in phrases),
                    babble=tuple(_draw_babble(rng, name, manners) for _ in range(num_others)),
                    noise=noise,
                    snr_db=rng.uniform(min_snr_db, max_snr_db),
                    level_db=rng.uniform(-30.0, -18.0),
                    pauses_sec=_draw_pauses(rng, len(phrases)),
                    seed=int(rng.integers(2**31)),
                )
            )
    return recordings


def _draw_phrases(rng: np.random.Generator) -> list[str]:
    """Draw the phrases of one recording: none, or those of one or two sentences."""
    if rng.random() < NO_SPEECH_SHARE:
        return []
    phrases = []
    for _ in range(1 + (rng.random() < TWO_SENTENCES_SHARE)):
        words = sentence(rng).split()
        if rng.random() < INNER_PAUSE_SHARE:
            cut = rng.integers(1, len(words))
            phrases += [" ".join(words[:cut]), " ".join(words[cut:])]
        else:
            phrases.append(" ".join(words))
    return phrases


def _draw_pauses(rng: np.random.Generator, num_phrases: int) -> tuple[float, ...]:
    """Draw the pauses around `num_phrases` phrases, seconds: half of them short, the others any."""
    if num_phrases == 0:
        return (rng.uniform(*NO_SPEECH_SEC),)
    longest = (SHORT_PAUSE_SEC, MAX_PAUSE_SEC)
    return tuple(rng.uniform(0.0, longest[rng.integers(2)]) for _ in range(num_phrases + 1))


def _draw_manners(seed: int) -> dict[str, tuple[str, int, int]]:
    """Accent, speed and pitch of each variant; no two variants share speed and pitch."""
    rng = np.random.default_rng([seed, 0])
    pairs = rng.permutation(list(product(WORDS_PER_MINUTE, PITCHES)))
    variants = [variant for name in SET_NAMES for variant in VARIANTS[name]]
    return {
        variant: (ACCENTS[number % len(ACCENTS)], int(speed), int(pitch))
        for number, (variant, (speed, pitch)) in enumerate(zip(variants, pairs))
    }


def _say(variant: str, manners: dict[str, tuple[str, int, int]], text: str) -> Saying:
    accent, words_per_minute, pitch = manners[variant]
    return Saying(f"{accent}+{variant}", words_per_minute, pitch, spoken_form(text))


def _draw_babble(
    rng: np.random.Generator, name: str, manners: dict[str, tuple[str, int, int]]
) -> Saying:
    """What one voice in the background says: a voice of the same set, so none crosses over."""
    variant = VARIANTS[name][rng.integers(len(VARIANTS[name]))]
    return _say(variant, manners, " ".join(sentence(rng) for _ in range(2)))
