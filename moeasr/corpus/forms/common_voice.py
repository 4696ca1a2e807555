"""The corpus form `common_voice`: `train.tsv`, `dev.tsv` and `test.tsv`, and audio in `clips/`."""

from pathlib import Path

from moeasr.corpus.forms.form import Form, Item
from moeasr.corpus.forms.source_files import SETS, UNSPLIT, first_line, locate, numbered_lines
from moeasr.errors import InputError
from moeasr.plurals import counted

COLUMNS = ("path", "sentence")
"""The required columns. `client_id`, the speaker, and `locale`, the language, are optional."""


class CommonVoiceForm(Form):
    """A release of Mozilla Common Voice: the directory of one language.

    Without `train.tsv`, all validated clips (`validated.tsv`) are split by speaker.
    """

    needs = "train.tsv or validated.tsv with the columns path and sentence, audio in clips/"

    def find(self, root: Path) -> str | None:
        """Return the table, if its first line names the columns."""
        for path in _tables(root).values():
            if set(COLUMNS) & set(first_line(path).split("\t")):
                return f"{path.name} with the columns of Common Voice"
        return None

    def read(self, root: Path) -> dict[str, list[Item]]:
        """Return the utterances of all tables, by name of the set."""
        tables = _tables(root)
        if not tables:
            raise InputError(f"{root} contains neither train.tsv nor validated.tsv")
        return {name: _read_table(path) for name, path in tables.items()}


def _tables(root: Path) -> dict[str, Path]:
    names = {name: root / f"{name}.tsv" for name in SETS}
    if not names["train"].is_file():
        names = {UNSPLIT: root / "validated.tsv"}
    return {name: path for name, path in names.items() if path.is_file()}


def _read_table(path: Path) -> list[Item]:
    columns: list[str] = []
    items = []
    for where, line in numbered_lines(path):
        fields = line.split("\t")  # quotes are part of the sentences
        if not columns:
            columns = fields
            for name in COLUMNS:
                if name not in columns:
                    raise InputError(f"{where}: there is no column `{name}`: '{line}'")
        elif len(fields) != len(columns):
            raise InputError(
                f"{where}: has {counted(len(fields), 'column')}, but the first line {len(columns)}"
            )
        else:
            items.append(_item(path, where, dict(zip(columns, fields))))
    return items


def _item(table: Path, where: str, row: dict[str, str]) -> Item:
    name = row["path"].strip()
    if not name:
        raise InputError(f"{where}: the column `path` is empty")
    return Item(
        name=Path(name).stem,
        text=row["sentence"],
        audio=locate(name, table.parent / "clips", table.parent),
        where=where,
        speaker=row.get("client_id") or None,
        language=row.get("locale") or None,
    )
