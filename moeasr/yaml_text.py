"""YAML text to plain values and back, by the rules of YAML 1.2 wherever YAML 1.1 surprises.

`010` is 10 and not 8, `1e-3` is a number, `1:30` and `2024-01-01` are text, and so are `yes`, `no`,
`on` and `off`: a field that must be true or false understands them, any other keeps the word.
`0x10` is 16, `0o10` is 8 and `1_000` is 1000. A repeated key is refused.
"""

import re
from collections.abc import Mapping
from typing import Any, TextIO

import yaml

BOOL = "tag:yaml.org,2002:bool"
INT = "tag:yaml.org,2002:int"
MERGE = "tag:yaml.org,2002:merge"
FLOAT = "tag:yaml.org,2002:float"
SCALARS = (
    (BOOL, r"true|True|TRUE|false|False|FALSE", "tTfF"),
    (INT, r"[-+]?[0-9]+|[-+]?[0-9]{1,3}(?:_[0-9]{3})+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    (
        FLOAT,
        r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (MERGE, r"<<", "<"),
)
"""Tag, pattern and possible first characters of each scalar that is no text."""


class YamlError(ValueError):
    """A fault in YAML text, in one line."""


def parse_yaml(text: str | TextIO) -> Any:
    """Read one YAML document.

    Args:
        text: The document, or a file that is open for reading.

    Raises:
        YamlError: It is not YAML, repeats a key or nests without end.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise YamlError(" ".join(str(error).split())) from None
    except RecursionError:
        raise YamlError("it nests too deep") from None


def yaml_of(mapping: Mapping[str, Any]) -> str:
    """Return the YAML text of a mapping, keys in their own order.

    Readers of YAML 1.1 and of YAML 1.2 find the same values in it: text that either of them would
    take for something else is quoted.
    """
    return yaml.dump(dict(mapping), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of `SCALARS`, and no repeated keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 -- PyYAML's own form

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key, line = self.construct_object(key_node, deep=True), key_node.start_mark.line + 1
            if isinstance(key, (list, dict, set)):
                raise yaml.YAMLError(f"line {line}: a key must be text, not a list or a section")
            if key in lines:
                raise yaml.YAMLError(
                    f"line {line}: key '{key}' is repeated, it is in line {lines[key]} already"
                )
            lines[key] = line
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read an integer in decimal, unless it says otherwise."""
        text = self.construct_scalar(node)
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        try:
            return int(text, base)
        except ValueError:  # more digits than Python converts
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: {text[:20]}... is no integer") from None

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Read a floating-point number."""
        text = self.construct_scalar(node)
        try:
            return float(re.sub(r"\.(?=inf$|nan$)", "", text.lower()))
        except ValueError:
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: {text[:20]} is no number") from None


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper, which quotes what a reader of YAML 1.2 would not take for text."""

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        tag = super().resolve(kind, value, implicit)
        if kind is yaml.ScalarNode and implicit[0] and tag == self.DEFAULT_SCALAR_TAG:
            for other, pattern, _ in SCALARS:
                if re.fullmatch(pattern, value):
                    return other
        return tag


for _tag, _pattern, _first in SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_constructor(INT, _Loader.construct_yaml_int)
_Loader.add_constructor(FLOAT, _Loader.construct_yaml_float)
