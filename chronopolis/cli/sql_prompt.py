"""The prompt of `polis sql`: completion, history, queries of several lines, a few words with a backslash."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import PostgresLexer  # type: ignore[import-untyped]

from chronopolis.cli.output import Output
from chronopolis.cli.sql_answer import show_answer
from chronopolis.sql_text import is_whole, statements_of
from domain.errors import PolisError

if TYPE_CHECKING:
    from workers.bootstrap import Analyst

KEYWORDS = (
    "select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "using", "on", "as",
    "and", "or", "not", "in", "between", "like", "is null", "is not null", "distinct", "count(*)", "sum", "avg", "min",
    "max", "round", "coalesce", "case", "when", "then", "else", "end", "with", "union all", "over", "partition by",
    "row_number()", "filter (where", "desc", "asc", "explain", "values",
)  # fmt: skip
HELP = r"""  \views       the views, and what a row of each is
  \d           the same; \d NAME: the columns of one
  \q           leave (Ctrl-D too)
A query ends with a semicolon and may have several lines; Ctrl-C gives one up, or stops the one that runs."""

_CATALOGUE = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), coalesce(obj_description(c.oid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = (current_schemas(false))[1]::regnamespace AND c.relkind IN ('v', 'r', 'p')
  AND NOT c.relispartition
ORDER BY c.relname, a.attnum"""


class Catalogue:
    """The views that can be asked: their columns, and what a row of each is."""

    def __init__(self, analyst: Analyst) -> None:
        self.columns: dict[str, list[tuple[str, str]]] = {}
        self.meaning: dict[str, str] = {}
        for chunk in analyst.ask(_CATALOGUE):
            for view, column, kind, meaning in chunk:
                self.columns.setdefault(view, []).append((column, kind))
                self.meaning[view] = meaning


class SqlCompleter(Completer):
    """Completes views, the columns of the views that the query names, and keywords."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield what the word before the cursor could become: columns first, then views, then keywords."""
        word = document.get_word_before_cursor(pattern=re.compile(r"[\\\w]+"))
        before = document.text_before_cursor
        if before.startswith("\\") and " " not in before:
            words: Iterator[tuple[str, str]] = iter([("\\views", ""), ("\\d", ""), ("\\q", ""), ("\\?", "")])
        else:
            words = self._words(document.text)
        seen = set()
        for text, meta in words:
            if word and text.lower().startswith(word.lower()) and text not in seen:
                seen.add(text)
                yield Completion(text, start_position=-len(word), display_meta=meta)

    def _words(self, text: str) -> Iterator[tuple[str, str]]:
        named = [view for view in self._catalogue.columns if re.search(rf"\b{re.escape(view)}\b", text)]
        for view in named:
            yield from ((column, f"{view}: {kind}") for column, kind in self._catalogue.columns[view])
        yield from ((view, self._catalogue.meaning[view]) for view in self._catalogue.columns)
        yield from ((keyword, "") for keyword in KEYWORDS)


def converse(
    analyst: Analyst, output: Output, home: Path, *, run: str, limit: int, check: Callable[[str], None] | None = None
) -> None:
    """Ask and answer until the person leaves; `check` refuses a query that should not be asked."""
    catalogue = Catalogue(analyst)
    session: PromptSession[str] = PromptSession(
        history=_history(home), completer=SqlCompleter(catalogue), lexer=PygmentsLexer(PostgresLexer),
        auto_suggest=AutoSuggestFromHistory(), multiline=True, key_bindings=_keys(), complete_while_typing=True,
        prompt_continuation=lambda width, number, wrapped: "." * (width - 1) + " ",
    )  # fmt: skip
    output.say(f"{f'run {run}' if run else 'all runs'}, reading only; \\? helps, \\q leaves")
    while True:
        try:
            text = session.prompt(f"{run or 'polis'}> ").strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in ("\\q", "quit", "exit"):
            return
        if text.startswith("\\"):
            _tell(text, catalogue, output)
        else:
            _answer(analyst, text, output, limit=limit, check=check)


def _answer(analyst: Analyst, text: str, output: Output, *, limit: int, check: Callable[[str], None] | None) -> None:
    for query in statements_of(text):
        try:
            if check is not None:
                check(query)
            show_answer(analyst, query, output, limit=limit or None)
        except PolisError as error:
            output.complain(str(error))
            return
        except KeyboardInterrupt:
            output.say("stopped")
            return


def _tell(text: str, catalogue: Catalogue, output: Output) -> None:
    """Answer one of the words that begin with a backslash."""
    word, _, name = text.partition(" ")
    name = name.strip().rstrip(";")
    if word in ("\\d", "\\views") and not name:
        output.show(_table(("view", "one row"), catalogue.meaning.items()))
    elif word == "\\d" and name in catalogue.columns:
        output.show(_table(("column", "type"), catalogue.columns[name]))
    elif word == "\\d":
        output.complain(f"there is no view {name}; \\d lists them")
    elif word in ("\\?", "\\h", "\\help"):
        output.show(HELP)
    else:
        output.complain(f"{word} means nothing here; \\? lists what does")


def _table(titles: tuple[str, str], rows: Iterable[tuple[str, str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for title in titles:
        table.add_column(title, overflow="fold")
    for left, right in rows:
        table.add_row(Text(left, style="bold"), Text(right))
    return table


def _keys() -> KeyBindings:
    """Return the keys: Enter ends a whole query and else begins a new line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: Any) -> None:
        text = event.current_buffer.text.strip()
        if not text or text.startswith("\\") or text in ("quit", "exit") or is_whole(text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.insert_text("\n")

    return keys


def _history(home: Path) -> History:
    """Return the history of queries, kept under POLIS_HOME; where that can't be written it is forgotten."""
    file = home / "sql_history"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with file.open("a"):
            pass
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
