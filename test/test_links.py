"""Links between the documents of the repository lead somewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from known_files import ROOT, known_files

DOCUMENTS = known_files("**/*.md")
CODE = re.compile(r"^ *(```+).*?^ *\1 *$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    found: set[str] = set()
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    for title in re.findall(r"^#{1,6} +(.+?) *#*$", text, re.MULTILINE):
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower()
        name = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        copies = (f"{name}-{number}" for number in range(1, 100))
        found.add(name if name not in found else next(copy for copy in copies if copy not in found))
    return found


def dead_links(document: Path, text: str, known: set[Path]) -> Iterator[str]:
    """Yield the links of a document to files, directories or headings that do not exist.

    Args:
        document: The path of the document.
        text: Its text.
        known: The files that git knows, and their directories.
    """
    for link in LINK.findall(CODE.sub("", text)):
        name, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (document.parent / name).resolve() if name else document
        if target not in known:
            yield f"{link}: git knows no such file"
        elif anchor:
            other = text if target == document else target.read_text(encoding="utf-8")
            if anchor not in anchors(other):
                yield f"{link}: there is no such heading"


@pytest.fixture(scope="module")
def known() -> set[Path]:
    files = set(known_files("**"))
    return files | {folder for path in files for folder in path.parents}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document, known):
    found = list(dead_links(document, document.read_text(encoding="utf-8"), known))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("[a](README.md) [b](egs) [c](egs/README.md#streaming) [d](https://a.b/c#d)", None),
        ("[a](egs/an4/README.md#results)", None),
        ("# How `run.sh` is built, 2 ways\n[a](#how-runsh-is-built-2-ways)", None),
        ("# A\n# A\n[a](#a-1)", None),
        ("`[a](nothing.md)`\n```\n[a](nothing.md)\n```", None),
        ("[a](nothing.md)", "nothing.md: git knows no such file"),
        ("[a](egs/an4/exp)", "egs/an4/exp: git knows no such file"),
        ("```\n# B\n```\n[b](#b)", "#b: there is no such heading"),
        ("[a](egs/README.md#nothing)", "egs/README.md#nothing: there is no such heading"),
    ],
)
def test_the_check_itself_finds_dead_links(text, dead, known):
    assert list(dead_links(ROOT / "README.md", text, known)) == ([dead] if dead else [])
