"""YAML for people: in the order in which it was made, text of several lines as a block, nothing said by reference."""

from typing import Any

import yaml

LINE_CHARACTERS = 120


class _Dumper(yaml.SafeDumper):
    """No anchors, which people do not read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def readable_yaml(document: dict[str, Any]) -> str:
    """The same document gives the same text."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=LINE_CHARACTERS)
