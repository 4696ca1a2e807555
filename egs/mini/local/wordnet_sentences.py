"""Write English sentences for `data_prep.py --sentences`: examples of WordNet, letters and numbers.

Four fifths are the quoted examples of 3 to 14 words in the files `data.noun`, `data.verb`,
`data.adj` and `data.adv` of WordNet 3.0 (Debian: `apt-get install wordnet-base`, which puts them in
/usr/share/wordnet). The others are spelled words, numbers and dates, sampled from lists.

Example:
  python3 local/wordnet_sentences.py --wordnet-dir /usr/share/wordnet --out data/sentences.txt
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path
from string import ascii_uppercase as LETTERS

from moeasr.bin import run
from moeasr.errors import InputError
from moeasr.parser import Parser

FILES = ("data.adj", "data.adv", "data.noun", "data.verb")
NUM_WORDS = range(3, 15)
NUMBERS = (
    *("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE"),
    *("TEN", "ELEVEN", "TWELVE", "THIRTEEN", "FOURTEEN", "FIFTEEN", "SIXTEEN", "SEVENTEEN"),
    *("EIGHTEEN", "NINETEEN", "TWENTY", "THIRTY", "FORTY", "FIFTY", "SIXTY", "SEVENTY"),
    *("EIGHTY", "NINETY", "HUNDRED"),
)
MONTHS = (
    *("JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE"),
    *("JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"),
)
SEED = 2


def examples(wordnet_dir: Path) -> list[str]:
    """Return the examples of WordNet without punctuation, each once, in a fixed random order."""
    found = set()
    for name in FILES:
        path = wordnet_dir / name
        if not path.is_file():
            raise InputError(f"{path} does not exist; --wordnet-dir must hold {', '.join(FILES)}")
        for line in path.read_text(encoding="latin-1").splitlines():
            found.update(_examples_of(line.partition("|")[2]))
    if not found:
        raise InputError(f"{wordnet_dir} has no example sentences")
    sentences = sorted(found)
    random.Random(1).shuffle(sentences)
    return sentences


def _examples_of(gloss: str) -> Iterator[str]:
    for quoted in re.findall(r'"([^"]+)"', gloss):
        text = re.sub(r"[.,;:!?]", " ", quoted.replace("-", " ").replace("`", "'"))
        if re.search(r"[^A-Za-z' ]", text):
            continue
        words = [word for word in (word.strip("'") for word in text.upper().split()) if word]
        if len(words) in NUM_WORDS:
            yield " ".join(words)


def spelled(rng: random.Random) -> str:
    """Sample letters, numbers, a date, or letters with numbers."""

    def some(words: tuple[str, ...] | str, low: int, high: int) -> list[str]:
        return [rng.choice(words) for _ in range(rng.randint(low, high))]

    kind = rng.random()
    if kind < 0.45:
        return " ".join(some(LETTERS, 2, 8))
    if kind < 0.75:
        return " ".join(some(NUMBERS, 1, 6))
    if kind < 0.9:
        return " ".join([rng.choice(MONTHS), *some(NUMBERS, 1, 4)])
    return " ".join([*some(LETTERS, 1, 4), *some(NUMBERS, 1, 4)])


def main(argv: list[str] | None = None) -> None:
    """Write the sentences."""
    parser = Parser(description=__doc__)
    text = "directory with the data files of WordNet"
    parser.add_argument("--wordnet-dir", type=Path, required=True, metavar="DIR", help=text)
    text = "text file to write, one sentence per line"
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=text)
    args = parser.parse_args(argv)
    sentences = examples(args.wordnet_dir)
    rng = random.Random(SEED)
    sentences += [spelled(rng) for _ in range(len(sentences) // 4)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(f"{line}\n" for line in sentences), encoding="utf-8")
    print(f"{args.out}: {len(sentences)} sentences")


if __name__ == "__main__":
    run(main)
