"""Conversion of YAML text to plain values and back, by YAML 1.2 wherever YAML 1.1 surprises.

`010` is 10 and not 8, `1e-3` is a number, and `1:30` and `2024-01-01` are text. `yes`, `no`, `on`
and `off` are text, too: a field that must be true or false accepts them, and any other field keeps
the word. `0x10` is 16, `0o10` is 8 and `1_000` is 1000. A repeated key is refused.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, TextIO

import yaml

STANDARD = "tag:yaml.org,2002:"
"""Prefix of the tags of plain data, abbreviated as `!!`."""
BOOL, INT, FLOAT, MERGE = (f"{STANDARD}{name}" for name in ("bool", "int", "float", "merge"))
SCALARS = (
    (BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (INT, r"[-+]?[0-9]+|[-+]?[0-9]{1,3}(?:_[0-9]{3})+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    (
        FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    (f"{STANDARD}null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (MERGE, r"<<", "<"),
)
"""Tag, pattern and possible first characters of each kind of scalar that is not text."""
MAX_VALUES = 1_000_000
"""Largest number of values in a document, with every use of an alias counted."""


class YamlError(ValueError):
    """An error in YAML text, whose message is one line."""


def parse_yaml(text: str | TextIO) -> Any:
    """Read one YAML document.

    Args:
        text: The document, or a file that is open for reading.

    Raises:
        YamlError: The text is not YAML, repeats a key, has a tag other than those of plain data, or
            nests sections or aliases too deeply.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _count_values(node, {})
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(" ".join(str(error).split())) from None
    except RecursionError:
        raise YamlError("it is nested too deeply") from None


def dump_yaml(mapping: Mapping[str, Any]) -> str:
    """Return the YAML text of a mapping in the order of its keys.

    Text that a reader of YAML 1.1 or of YAML 1.2 would take for another type is quoted, so that
    both read the same values.
    """
    return yaml.dump(dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def show_yaml(value: Any) -> str:
    """Return a value in one line of YAML for a message: null, true, {a: 1}; text as it is."""
    if isinstance(value, str):
        return value
    try:
        text = yaml.dump(
            value,
            Dumper=_LineDumper,
            default_flow_style=True,
            sort_keys=False,
            allow_unicode=True,
            width=math.inf,
        )
    except yaml.YAMLError:  # an object of Python
        return repr(value)
    line = text.removesuffix("\n").removesuffix("\n...")
    return repr(value) if "\n" in line else line  # bytes


def quote_yaml(value: Any) -> str:
    """Return a value like `show_yaml`, but text in quotation marks."""
    return repr(value) if isinstance(value, str) else show_yaml(value)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of `SCALARS`, which refuses repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- the form that PyYAML expects
    yaml_constructors: dict[str, Any] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _fault(node, "expected a section of keys")
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if isinstance(key, (list, dict)):
                raise _fault(key_node, "a key must be text, not a list or a section")
            if key in lines:
                raise _fault(
                    key_node, f"key '{key}' is repeated; it is first defined in line {lines[key]}"
                )
            lines[key] = line
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read an integer: hexadecimal after 0x, octal after 0o, and decimal otherwise."""
        text = self.construct_scalar(node)
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        try:
            return int(text, base)
        except ValueError:  # more digits than Python converts
            raise _fault(node, f"{text[:20]}... is not an integer") from None

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Read a floating-point number."""
        text = self.construct_scalar(node)
        try:
            return float(re.sub(r"\.(?=inf$|nan$)", "", text.lower()))
        except ValueError:
            raise _fault(node, f"{text[:20]} is not a number") from None

    def construct_yaml_bool(self, node: yaml.ScalarNode) -> bool:
        """Read true or false."""
        text = self.construct_scalar(node).lower()
        if text not in ("true", "false"):
            raise _fault(node, f"{text[:20]} is neither true nor false")
        return text == "true"

    def construct_yaml_str(self, node: yaml.ScalarNode) -> str:
        """Read text, and refuse surrogates because they cannot be written again."""
        text = self.construct_scalar(node)
        if any("\ud800" <= char <= "\udfff" for char in text):
            raise _fault(node, "text holds a surrogate, which is half a character")
        return text

    def construct_undefined(self, node: yaml.Node) -> None:
        """Refuse a tag."""
        raise _fault(node, f"tag {node.tag.replace(STANDARD, '!!')} is not supported")


def _fault(node: yaml.Node, reason: str) -> yaml.YAMLError:
    return yaml.YAMLError(f"line {node.start_mark.line + 1}: {reason}")


def _count_values(node: yaml.Node, counts: dict[yaml.Node, int | None]) -> int:
    """Count the values in a YAML node; refuse too many, and a node that contains itself."""
    if node not in counts:
        counts[node] = None  # marks a node whose children are still being counted
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            children = [child for pair in children for child in pair]
        counts[node] = 1 + sum(_count_values(child, counts) for child in children)
    count = counts[node]
    if count is None:
        raise _fault(node, "a section or list contains itself")
    if count > MAX_VALUES:
        raise _fault(node, f"its aliases expand to more than {MAX_VALUES} values")
    return count


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which also quotes text that YAML 1.2 would read as another type."""

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        tag = super().resolve(kind, value, implicit)
        if kind is yaml.ScalarNode and implicit[0] and tag == self.DEFAULT_SCALAR_TAG:
            for other, pattern, _ in SCALARS:
                if re.fullmatch(pattern, value):
                    return other
        return tag


class _LineDumper(_Dumper):
    """A dumper that escapes line breaks, and writes each value where it is used."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quote_lines(dumper: _LineDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar(f"{STANDARD}str", text, style='"' if "\n" in text else None)


_LineDumper.add_representer(str, _quote_lines)
for _tag, _pattern, _first in SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))
for _name in ("null", "bool", "int", "float", "str", "seq", "map"):
    _Loader.add_constructor(f"{STANDARD}{_name}", getattr(_Loader, f"construct_yaml_{_name}"))
_Loader.add_constructor(None, _Loader.construct_undefined)
