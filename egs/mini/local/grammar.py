"""The grammar of the mini corpus: commands to a smart home, with about ninety words.

The grammar is small but open. Numbers, times, codes and spelled words have far more combinations
than the corpus has sentences, so most test sentences do not appear in training.
"""

import numpy as np

OBJECTS = ("LIGHT", "LAMP", "RADIO", "HEATER", "FAN")
OPENINGS = ("DOOR", "WINDOW", "GARAGE")
ROOMS = ("KITCHEN", "BEDROOM", "OFFICE", "GARDEN", "HALL")
NAMES = ("ANNA", "PETER", "MARIA", "THOMAS", "JULIA", "OSCAR", "HELEN", "DAVID")
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
HOURS = (*DIGITS[1:], "TEN", "ELEVEN", "TWELVE")
MINUTES = ("TEN", "FIFTEEN", "TWENTY", "THIRTY", "FORTY", "FIFTY")
TENS = ("TWENTY", "THIRTY", "FORTY", "FIFTY")
# Letters that are easy to distinguish; B, C, D, E, G, P, T and V are confused in noise.
LETTERS = ("A", "F", "H", "J", "K", "L", "M", "N", "O", "Q", "R", "S", "U", "W", "X", "Y")


def sentence(rng: np.random.Generator) -> str:
    """Sample one sentence: upper-case words separated by single spaces."""
    make = RULES[rng.integers(len(RULES))]
    return make(rng)


def spoken_form(text: str) -> str:
    """Return the input with which espeak-ng says `text`; a single A is the name of the letter."""
    words = ("[[eI]]" if word == "A" else word.lower() for word in text.split())
    return " ".join(words)


def pick(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    """Sample one of `words`."""
    return words[rng.integers(len(words))]


def some(rng: np.random.Generator, words: tuple[str, ...], low: int, high: int) -> str:
    """Sample `low` to `high` of `words` with repetition."""
    return " ".join(pick(rng, words) for _ in range(rng.integers(low, high + 1)))


def maybe(rng: np.random.Generator, words: str) -> str:
    """Return ` words` (with a leading space) with probability 1/2, else an empty text."""
    return f" {words}" if rng.random() < 0.5 else ""


def _time(rng: np.random.Generator) -> str:
    return pick(rng, HOURS) + maybe(rng, pick(rng, MINUTES))


def _number(rng: np.random.Generator) -> str:
    return pick(rng, TENS) + maybe(rng, pick(rng, DIGITS[1:]))


def _switch(rng: np.random.Generator) -> str:
    state, place = pick(rng, ("ON", "OFF")), maybe(rng, f"IN THE {pick(rng, ROOMS)}")
    return f"TURN {state} THE {pick(rng, OBJECTS)}{place}"


def _open(rng: np.random.Generator) -> str:
    verb, place = pick(rng, ("OPEN", "CLOSE")), maybe(rng, f"IN THE {pick(rng, ROOMS)}")
    return f"{verb} THE {pick(rng, OPENINGS)}{place}"


def _wake(rng: np.random.Generator) -> str:
    part = maybe(rng, f"IN THE {pick(rng, ('MORNING', 'EVENING'))}")
    return f"WAKE ME AT {_time(rng)}{part}"


def _alarm(rng: np.random.Generator) -> str:
    return f"SET THE ALARM FOR {_time(rng)}{maybe(rng, 'ON ' + pick(rng, DAYS))}"


def _meet(rng: np.random.Generator) -> str:
    return f"MEET {pick(rng, NAMES)} ON {pick(rng, DAYS)} AT {_time(rng)}"


def _set_number(rng: np.random.Generator) -> str:
    return f"SET THE {pick(rng, ('HEATER', 'FAN', 'RADIO'))} TO {_number(rng)}"


def _play(rng: np.random.Generator) -> str:
    return f"PLAY NUMBER {_number(rng)}{maybe(rng, 'IN THE ' + pick(rng, ROOMS))}"


def _call(rng: np.random.Generator) -> str:
    return f"CALL {some(rng, DIGITS, 3, 6)}"


def _write(rng: np.random.Generator) -> str:
    return f"{pick(rng, ('CALL', 'WRITE TO', 'WAIT FOR'))} {pick(rng, NAMES)}"


def _spell(rng: np.random.Generator) -> str:
    return f"SPELL {some(rng, LETTERS, 3, 5)}"


def _code(rng: np.random.Generator) -> str:
    return f"MY CODE IS {some(rng, LETTERS, 1, 2)} {some(rng, DIGITS, 2, 3)}"


RULES = (
    _switch,
    _open,
    _wake,
    _alarm,
    _meet,
    _set_number,
    _play,
    _call,
    _write,
    _spell,
    _code,
)
