"""A German grammar of commands to a smart home, for a corpus of two languages.

Its rules correspond to those of the English grammar. Letters, names and some words are spelled the
same in both languages, but sound different.
"""

import numpy as np
from grammar import LETTERS, NAMES, maybe, pick, some

OBJECTS = ("DAS LICHT", "DIE LAMPE", "DAS RADIO", "DIE HEIZUNG", "DEN LÜFTER")
OPENINGS = ("DIE TÜR", "DAS FENSTER", "DIE GARAGE")
PLACES = ("IN DER KÜCHE", "IM SCHLAFZIMMER", "IM BÜRO", "IM GARTEN", "IM FLUR")
DAYS = ("MONTAG", "DIENSTAG", "MITTWOCH", "DONNERSTAG", "FREITAG", "SAMSTAG", "SONNTAG")
DIGITS = ("NULL", "EINS", "ZWEI", "DREI", "VIER", "FÜNF", "SECHS", "SIEBEN", "ACHT", "NEUN")
HOURS = ("EIN", *DIGITS[2:], "ZEHN", "ELF", "ZWÖLF")
MINUTES = ("ZEHN", "FÜNFZEHN", "ZWANZIG", "DREISSIG", "VIERZIG", "FÜNFZIG")
TENS = ("ZWANZIG", "DREISSIG", "VIERZIG", "FÜNFZIG")


def sentence(rng: np.random.Generator) -> str:
    """Sample one sentence: upper-case words separated by single spaces."""
    make = RULES[rng.integers(len(RULES))]
    return make(rng)


def spoken_form(text: str) -> str:
    """Return the input with which espeak-ng says `text`."""
    return text.lower()


def _time(rng: np.random.Generator) -> str:
    return f"{pick(rng, HOURS)} UHR{maybe(rng, pick(rng, MINUTES))}"


def _number(rng: np.random.Generator) -> str:
    tens = pick(rng, TENS)
    return f"{pick(rng, HOURS[:9])}UND{tens}" if rng.random() < 0.5 else tens


def _switch(rng: np.random.Generator) -> str:
    state, place = pick(rng, ("EIN", "AUS")), maybe(rng, pick(rng, PLACES))
    return f"SCHALTE {pick(rng, OBJECTS)}{place} {state}"


def _open(rng: np.random.Generator) -> str:
    verb, place = pick(rng, ("ÖFFNE", "SCHLIESSE")), maybe(rng, pick(rng, PLACES))
    return f"{verb} {pick(rng, OPENINGS)}{place}"


def _wake(rng: np.random.Generator) -> str:
    return f"WECKE MICH{maybe(rng, pick(rng, ('MORGENS', 'ABENDS')))} UM {_time(rng)}"


def _alarm(rng: np.random.Generator) -> str:
    return f"STELLE DEN WECKER{maybe(rng, 'AM ' + pick(rng, DAYS))} AUF {_time(rng)}"


def _meet(rng: np.random.Generator) -> str:
    return f"TRIFF {pick(rng, NAMES)} AM {pick(rng, DAYS)} UM {_time(rng)}"


def _set_number(rng: np.random.Generator) -> str:
    return f"STELLE {pick(rng, OBJECTS[2:])} AUF {_number(rng)}"


def _play(rng: np.random.Generator) -> str:
    return f"SPIELE NUMMER {_number(rng)}{maybe(rng, pick(rng, PLACES))}"


def _call(rng: np.random.Generator) -> str:
    return f"WÄHLE {some(rng, DIGITS, 3, 6)}"


def _write(rng: np.random.Generator) -> str:
    return f"{pick(rng, ('RUFE', 'SCHREIBE AN', 'WARTE AUF'))} {pick(rng, NAMES)}"


def _spell(rng: np.random.Generator) -> str:
    return f"BUCHSTABIERE {some(rng, LETTERS, 3, 5)}"


def _code(rng: np.random.Generator) -> str:
    return f"MEIN CODE IST {some(rng, LETTERS, 1, 2)} {some(rng, DIGITS, 2, 3)}"


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
