"""What the options of a run or fork mean; what means nothing is refused before anything is opened or made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from chronopolis.errors import WrongUsage
from domain.errors import cut

if TYPE_CHECKING:
    from domain.configuration import Configuration


def require_ticks(ticks: int) -> None:
    """Refuse a target that is no tick, before anything is opened."""
    from domain.configuration import require_target

    require_target(ticks)


def require_writable(figures: Path | None) -> None:
    """Refuse a file of figures that can't be added to, before a run is made."""
    try:
        if figures is not None:
            figures.open("a").close()
    except OSError as error:
        raise WrongUsage(f"--figures {figures}: {error.strerror}") from None


def require_expression(break_at: str | None, configuration: Configuration | None = None) -> None:
    """Refuse a breakpoint that means nothing, before anything is opened or made."""
    if break_at is not None:
        from domain.expressions import parse
        from replay.judging import require_cells

        wanted = parse(break_at)
        wanted.require_change()
        if configuration is not None:
            require_cells(wanted, configuration)


def require_once(context: typer.Context, options: Iterable[str], settings: Iterable[str], by: str = "--set") -> None:
    """Refuse what is given both as an option of its own and, by name, with --set or another option."""
    for name in sorted(set(settings) & set(options)):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise WrongUsage(f"--{name} and {by} {name}=… set the same; give one of them")


def settings_of(
    given: list[str], *, option: str = "--set", value: Callable[[str], Any] | None = None
) -> dict[str, Any]:
    """Return ``KEY=VALUE`` settings by name; numbers are numbers, unless `value` says what a text means.

    Raises
    ------
    WrongUsage
    """
    wanted: dict[str, Any] = {}
    for setting in given:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise WrongUsage(f"{option} {cut(setting)}: write KEY=VALUE, such as {option} hunger=30")
        key = key.strip()
        if key in wanted:
            raise WrongUsage(f"{option} {cut(setting)}: {cut(key)} was set already; give it once")
        wanted[key] = (value or _value)(text)
    return wanted


def values_of(given: list[str]) -> dict[str, list[int | str]]:
    """Return what ``KEY=V1,V2`` settings of --vary are to be, one after the other, by name; numbers are numbers.

    Raises
    ------
    WrongUsage
    """
    wanted: dict[str, list[int | str]] = {}
    for key, text in settings_of(given, option="--vary", value=str).items():
        values = [_value(part.strip()) for part in text.split(",")]
        twice = [value for at, value in enumerate(values) if value in values[:at]]
        if "" in values or twice:
            because = f"{twice[0]} was given already" if twice and twice[0] != "" else "a value is missing"
            raise WrongUsage(f"--vary {key}={cut(text)}: {because}; write KEY=V1,V2, such as --vary hunger=30,45")
        wanted[key] = values
    return wanted


def _value(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]+(_[0-9]+)*", text) else text


def configuration_of(base: dict[str, Any], settings: list[str]) -> Configuration:
    """Return the configuration of options and ``KEY=VALUE`` settings, which come last.

    Raises
    ------
    WrongUsage, InvalidConfiguration
    """
    from domain.configuration import Configuration

    return Configuration.from_mapping(base | settings_of(settings))


def groups_of(adapters: list[str]) -> dict[str, str]:
    """Return persona group → adapter of options ``GROUP=NAME``.

    Raises
    ------
    WrongUsage
    """
    from domain.codes import Occupation

    known = [o.name.lower() for o in Occupation]
    groups: dict[str, str] = {}
    for each in adapters:
        group, equals, name = each.partition("=")
        if not equals or not name or group not in known:
            raise WrongUsage(f"--adapter {each}: write GROUP=NAME, the group one of {', '.join(known)}")
        if group in groups:
            raise WrongUsage(f"--adapter {cut(each)}: {group} has an adapter already; give it once")
        groups[group] = name
    return groups


def profile_of(path: Path | None) -> dict[str, int]:
    """Return what a profile says of thinking; of a file that is none, say so.

    Raises
    ------
    WrongUsage
    """
    import json

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text())
        profile = {name: found[name] for name in ("think_delay", "think_budget")}
    except OSError as error:
        raise WrongUsage(f"--profile {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WrongUsage(
            f"--profile {path}: it is no profile ({type(error).__name__}: {error})",
            "`polis minds calibrate` prints one.",
        ) from None
    for name, value in profile.items():
        if type(value) is not int:  # nor a fraction, of which a part would be lost, nor true
            raise WrongUsage(
                f"--profile {path}: {name} is {cut(json.dumps(value))}, and has to be a whole number",
                "`polis minds calibrate` prints a profile.",
            )
    return profile
