"""Configs of Kaldi's cluster runners, which turn options such as `--mem 4G` into those of a queue.

command qsub -V -cwd           # the program that submits a job, and options for all jobs
option mem=* -l mem_free=$0    # for --mem with any argument, which replaces $0
option gpu=0                   # for --gpu 0: nothing
default gpu=0                  # if the command line has no --gpu
"""

import re
import shlex
from dataclasses import dataclass, field

from moeasr.errors import InputError


@dataclass
class QueueConfig:
    """The content of a config."""

    name: str
    """The file's name, for messages."""
    command: list[str] = field(default_factory=list)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    """Option -> argument, or `*` for any other argument -> text with `$0`."""
    defaults: dict[str, str] = field(default_factory=dict)

    def submit_command(self, given: dict[str, str]) -> list[str]:
        """Return the command that submits a job.

        Args:
            given: Options of the command line, such as `mem`, with their arguments.

        Raises:
            InputError: The config does not describe an option or its argument.
        """
        words = list(self.command)
        for option, value in (self.defaults | given).items():
            texts = self.options.get(option, {})
            text = texts.get(value, texts.get("*"))
            if text is None:
                switch = f"--{option.replace('_', '-')} {value}"
                raise InputError(
                    f"{self.name} does not describe the option {switch}; add a line such as "
                    f"`option {option}=* <options of {self.command[0]} with $0>`"
                )
            words += [word.replace("$0", value) for word in shlex.split(text)]
        return words


def parse_config(text: str, name: str) -> QueueConfig:
    """Return the content of a config.

    Raises:
        InputError: A line is wrong, or the config has no command.
    """
    config = QueueConfig(name)
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split(maxsplit=1)
        if not words:
            continue
        kind, rest = words[0], words[1].strip() if len(words) == 2 else ""
        setting = re.fullmatch(r"([\w-]+)=(\S+)(?:\s+(.*))?", rest)
        try:
            if kind == "command" and rest:
                config.command = shlex.split(rest)
                continue
            if setting and kind == "option":
                shlex.split(setting[3] or "")
                option = config.options.setdefault(setting[1].replace("-", "_"), {})
                option[setting[2]] = setting[3] or ""
                continue
        except ValueError as error:  # of shlex
            raise InputError(f"{name}, line {number}: {error}: `{line.strip()}`") from None
        if not setting or kind != "default":
            raise InputError(
                f"{name}, line {number}: a line must be `command <program>`, `option <name>=<value "
                f"or *> <text>` or `default <name>=<value>`, but is `{line.strip()}`"
            )
        config.defaults[setting[1].replace("-", "_")] = setting[2]
    if not config.command:
        raise InputError(f"{name} has no line `command <program that submits a job>`")
    return config
