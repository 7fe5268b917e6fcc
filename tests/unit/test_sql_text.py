"""Where a statement ends and what it begins with."""

from __future__ import annotations

import pytest

from chronopolis.bisecting import _at, _question
from chronopolis.errors import WrongUsage
from chronopolis.sql_text import first_word, is_whole, statements_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", " SELECT 2"]),
        ("SELECT ';' AS a; SELECT \"x;y\"", ["SELECT ';' AS a", ' SELECT "x;y"']),
        ("SELECT 'it''s;' ; -- done; really\n", ["SELECT 'it''s;' "]),
        (r"SELECT E'\';' ; SELECT 2", [r"SELECT E'\';' ", " SELECT 2"]),
        ("SELECT $$a;b$$, $x$;$$;$x$; TABLE runs", ["SELECT $$a;b$$, $x$;$$;$x$", " TABLE runs"]),
        ("/* a; /* nested; */ still; */ SELECT 1;", ["/* a; /* nested; */ still; */ SELECT 1"]),
        ("SELECT 1 -- one;\n, 2; ;;", ["SELECT 1 -- one;\n, 2"]),
        (" ; -- nothing\n /* at all; */ ", []),
    ],
)
def test_semicolons_end_statements_but_not_in_quotes_and_remarks(text, statements):
    assert statements_of(text) == statements


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("select 1", "select"),
        ("\n\t -- SELECT\n /* WITH /* x */ */ ( ( DELETE FROM runs", "delete"),
        ("-- only a remark", ""),
        ("/* never closed SELECT", ""),
        ("((VALUES (1)))", "values"),
        ("\\copy", "\\"),
        ("", ""),
    ],
)
def test_a_statement_begins_with_its_first_word_whatever_stands_before(text, word):
    assert first_word(text) == word


@pytest.mark.parametrize("text", ["SELECT 1;", "SELECT ';';", "SELECT 1; -- and\n", "SELECT $$;$$;", ";"])
def test_a_query_is_whole_when_a_semicolon_ends_it(text):
    assert is_whole(text)


@pytest.mark.parametrize(
    "text", ["SELECT 1", "SELECT 1; SELECT", "SELECT ';", 'SELECT ";', "SELECT $$;", "SELECT 1 /* ;", "SELECT 1 -- ;"]
)
def test_a_query_is_not_whole_before(text):
    assert not is_whole(text)


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("SELECT :tick > 5", "(SELECT 7 > 5\n)"),
        ("SELECT :tick > 5 -- not :tick;", "(SELECT 7 > 5 -- not :tick\n)"),
        ("SELECT ':tick' = why AND tick <= :tick", "(SELECT ':tick' = why AND tick <= 7\n)"),
        (
            'SELECT ":tick" /* :tick /* ; */ */ < :tick, $$:tick$$',
            '(SELECT ":tick" /* :tick /* ; */ */ < 7, $$:tick$$\n)',
        ),
        ("SELECT :ticks, a::tick, :tick", "(SELECT :ticks, a::tick, 7\n)"),
    ],
)
def test_a_tick_is_put_into_a_question_but_not_into_its_quotes_and_remarks(question, asked):
    assert _at(_question(question), "7") == asked


@pytest.mark.parametrize("question", ["SELECT 1", "SELECT ':tick' = 'x'", "SELECT 1 -- :tick"])
def test_a_question_that_does_not_ask_about_a_tick_is_refused(question):
    with pytest.raises(WrongUsage, match="nothing of :tick"):
        _question(question)
