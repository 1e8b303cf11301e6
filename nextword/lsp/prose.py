"""What of a line is prose, in the languages that people write in, and in the comments and strings of programs.

Markup is left out so that it is not read as words: commands, addresses, formulas, blocks of code, comments. A scanner
sees one line at a time and what the lines before it have left open. It knows what is common and no more: where it
errs, a few letters of markup are read as words, or some words are not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from nextword.text.markup import ADDRESS, DEFINITION, FENCE, FENCE_END, LINK


class Scanned(NamedTuple):
    """What was found in a line."""

    prose: str
    state: str  # what is open at its end; empty: nothing
    goes_on: bool  # whether what follows in the same line is prose


Scanner = Callable[[str, str], Scanned]  # a line, and what is open at its beginning
BEGINNING = "^"  # what stands for that in the first line


class Markup(NamedTuple):
    """How a language marks what is no prose.

    Attributes:
        inline: What is replaced inside lines, and by what; in this order.
        open: The beginning of something at the end of a line after which no prose comes; what is left of it then.
        signs: What is replaced after that.
        skipped: Lines of which nothing is prose, matched at their beginning.
        block: The line with which a block without prose begins; its group `name` says which.
        closing: The line with which that ends, with `{name}` for the name.
        closed_before: Whether that line stands after the block.
    """

    inline: Sequence[tuple[re.Pattern[str], str]] = ()
    open: re.Pattern[str] | None = None
    signs: Sequence[tuple[re.Pattern[str], str]] = ()
    skipped: re.Pattern[str] | None = None
    block: re.Pattern[str] | None = None
    closing: str = ""
    closed_before: bool = False


_NOTHING = re.compile(r"(?!)")
_HEAD = ("---", "+++")  # what front matter begins and ends with
_HEAD_LINE = re.compile(r"[\w\"'][^:=]{0,60}[:=]|[ \t#\[\]{}]|-[ \t]|$")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_MATH = re.compile(r"\$\$[^$]*\$\$|\$[^$]+\$|\\\([^)]*\\\)|\\\[.*?\\\]")

_MARKUP = {
    "markdown": Markup(
        inline=[(LINK, r"\1"), (LINK, r"\1"), (ADDRESS, ""), (re.compile(r"<[!/a-zA-Z][^<>]*>|\*\*|__|^#+ "), "")],
        open=re.compile(r"(?:^|[^`])`[^`]*$|\]\([^)\s]*$|<[!/a-zA-Z][^<>]*$"),
        skipped=DEFINITION,
    ),
    "latex": Markup(
        inline=[
            (_MATH, " "),
            (
                re.compile(
                    r"\\(?:\w*(?:cite|ref)\w*|label|begin|end|input|include\w*|usepackage|documentclass|url|href)\*?"
                    r"(?:\[[^\]]*\])*\{[^{}]*\}"
                ),
                "",
            ),
        ],
        signs=[
            (re.compile(r"(?<!\\)%.*"), ""),
            (re.compile(r"\\[a-zA-Z]+\*?(?:\[[^\]]*\])?|[{}]|\\(?=[%&#_$])"), ""),
            (re.compile(r"~"), " "),
        ],
        open=re.compile(
            r"\$[^$]*$|\\[a-zA-Z]*$|\\(?:\w*(?:cite|ref)\w*|label|begin|end|url|input)\*?\{[^{}]*$|(?<!\\)%"
        ),
        block=re.compile(
            r"\s*\\begin\{(?P<name>(?:verbatim|lstlisting|minted|equation|align|gather|multline|eqnarray|tikzpicture)\*?)\}"
            r"|\s*(?P<math>\\\[)\s*$"
        ),
        closing=r"\s*\\end\{{{name}\}}|\s*\\\]",
    ),
    "gitcommit": Markup(skipped=re.compile("#|diff --git "), block=re.compile("# -+ (?P<name>>8) -+"), closing="(?!)"),
    "mail": Markup(
        skipped=re.compile(r">|(?:From|To|Cc|Bcc|Date|Sender|Reply-To|In-Reply-To|Message-ID|Fcc|Gcc|X-[\w-]+): ")
    ),
    "rst": Markup(
        inline=[
            (re.compile(r"``.+?``"), ""),
            (re.compile(r":[\w:+.-]+:`([^`<]*)(?:<[^`]*>)?`"), r"\1"),
            (re.compile(r"`([^`<]*)(?:<[^`]*>)?`__?"), r"\1"),
            (re.compile(r"\*\*?|(?<=\w)_(?!\w)"), ""),
        ],
        open=re.compile(r"`[^`]*$"),
        skipped=re.compile(r"([=\-`:'\"~^_*+#<>.])\1{2,}\s*$|\s*:[\w -]+:"),
        block=re.compile(r"\s*\.\. (?P<name>)|.*(?P<code>::)\s*$"),
        closing=r"\S",
        closed_before=True,
    ),
    "org": Markup(
        inline=[
            (re.compile(r"\[\[[^\]]*\]\[([^\]]*)\]\]"), r"\1"),
            (re.compile(r"\[\[[^\]]*\]\]|(?:(?<=\s)|^)([=~])\S.*?\1(?!\w)|^\*+ (?:(?:TODO|DONE) )?"), ""),
        ],
        open=re.compile(r"\[\[[^\]]*$|(?:^|\s)[=~][^=~]*$"),
        skipped=re.compile(r"\s*(?:#\+|# |:\w+:|(?:CLOSED|DEADLINE|SCHEDULED):)"),
        block=re.compile(r"(?i)\s*#\+begin_(?P<name>src|example|export|comment)"),
        closing=r"(?i)\s*#\+end_{name}",
    ),
    "asciidoc": Markup(
        inline=[
            (re.compile(r"(?:link:|https?://)\S{0,500}?\[([^\]]*)\]"), r"\1"),
            (re.compile(r"\w+::?\S*\[[^\]]*\]|`[^`]+`|<<[^>]*>>|^=+ |https?://\S+"), ""),
        ],
        open=re.compile(r"`[^`]*$|<<[^>]*$|https?://\S*$"),
        skipped=re.compile(r"//|:[\w-]+:|\[.*\]\s*$|\.\w"),
        block=re.compile(r"(?P<name>-{4,}|\.{4,}|/{4,}|\+{4,})\s*$"),
        closing=r"{name}\s*$",
    ),
    "typst": Markup(
        inline=[
            (re.compile(r"`[^`]+`|\$[^$]*\$|#\w[\w.-]*\([^()]*\)|(?<!\S)@[\w:-]+(?![\w:-]|$)|<[\w:-]+>|^=+ "), ""),
        ],
        open=re.compile(r"`[^`]*$|\$[^$]*$|#[\w.-]*(?:\([^()]*)?$|//|(?<!\S)@[\w:-]*$"),
        signs=[(re.compile(r"//.*|#\w[\w.-]*|(?<!\S)@[\w:-]+|[\[\]*_]"), "")],
        skipped=re.compile(r"\s*#(?:import|include|let|set|show)\b"),
        block=re.compile(r"\s*(?P<name>```)(?!.*```)"),
        closing=r"\s*```",
    ),
}

_HASH = ("#", '"""', '"""')
_SLASHES = ("//", "/*", "*/")
_PROGRAMS = {  # how a comment begins that ends with its line, and how those begin and end that do not
    **dict.fromkeys(
        ("python", "toml", "yaml", "sh", "shellscript", "bash", "ruby", "perl", "r", "make", "julia"), _HASH
    ),
    **dict.fromkeys(("c", "cpp", "csharp", "java", "javascript", "javascriptreact", "typescript"), _SLASHES),
    **dict.fromkeys(("typescriptreact", "go", "rust", "swift", "kotlin", "scala", "php", "dart", "css"), _SLASHES),
    "lua": ("--", "--[[", "]]"),
    "haskell": ("--", "{-", "-}"),
    "sql": ("--", "/*", "*/"),
    **dict.fromkeys(("lisp", "elisp", "emacs-lisp", "clojure", "scheme"), (";", "#|", "|#")),
}
_OTHER_PROGRAM = ("#", "/*", "*/")
_NAMES = {"": "plaintext", "text": "plaintext", "tex": "latex", "restructuredtext": "rst", "adoc": "asciidoc"}
_NAMES |= {"git-commit": "gitcommit", "pandoc": "markdown", "quarto": "markdown", "eml": "mail", "gfm": "markdown"}

PROSE = ("plaintext", *_MARKUP)


def scanner_of(language: str, programs: Sequence[str] = ()) -> Scanner:
    """What finds prose in a language; in an unknown one there is none.

    Args:
        language: Its name, as clients of the protocol have it.
        programs: The languages whose comments and strings are prose, too.
    """
    name = _NAMES.get(language, language)
    if name == "plaintext":
        return _plain
    if name == "markdown":
        return _markdown
    if name in _MARKUP:
        return partial(_marked, _MARKUP[name])
    if language in programs:
        return partial(_program, *_PROGRAMS.get(language, _OTHER_PROGRAM))
    return _none


def _none(line: str, state: str) -> Scanned:
    return Scanned("", "", False)


def _plain(line: str, state: str) -> Scanned:
    return Scanned(line, "", True)


def _markdown(line: str, state: str) -> Scanned:
    """A line of Markdown without code and addresses; `state` is the fence of the front matter or code that it is in."""
    mark = line.rstrip()
    if state == BEGINNING and mark in _HEAD:
        return Scanned("", mark, False)
    if state in _HEAD and (mark in (state, "...") or _HEAD_LINE.match(line)):
        return Scanned("", "" if mark in (state, "...") else state, False)
    if state[:1] in ("`", "~"):
        end = FENCE_END.match(line)
        return Scanned("", "" if end and end[1].startswith(state) else state, False)
    if fence := FENCE.match(line):
        return Scanned("", fence["fence"], False)
    return _marked(_MARKUP["markdown"], _CODE_SPAN.sub("", line), "")


def _marked(markup: Markup, line: str, state: str) -> Scanned:
    """A line without markup; `state` is the name of the block that it is in, with a mark before it."""
    if state.startswith("+"):
        closed = re.match(markup.closing.format(name=re.escape(state[1:])), line)
        if not (closed and markup.closed_before):
            return Scanned("", "" if closed else state, False)
    begun = (markup.block or _NOTHING).match(line)
    if begun and begun.lastgroup != "code":
        return Scanned("", "+" + (begun["name"] or ""), False)
    if (markup.skipped or _NOTHING).match(line):
        return Scanned("", "", False)
    for pattern, replacement in markup.inline:
        line = pattern.sub(replacement, line)
    goes_on = not (markup.open or _NOTHING).search(line)
    for pattern, replacement in markup.signs:
        line = pattern.sub(replacement, line)
    return Scanned(line, "+" if begun else "", goes_on)


def _program(comment: str, begin: str, end: str, line: str, state: str) -> Scanned:
    """The comments and strings in a line; `state` is what ends the comment or string that it begins in."""
    found, place = [], 0
    state = "" if state == BEGINNING else state
    token = re.compile("|".join(map(re.escape, (begin, comment, '"', "'"))))
    while place < len(line) or state:
        if not state:
            opened = token.search(line, place)
            if not opened:
                break
            place = opened.end()
            state = {begin: end, comment: "\n"}.get(opened[0], opened[0])
        stop = line.find(state, place)
        if stop < 0:
            found.append(line[place:])
            break
        found.append(line[place:stop])
        place, state = stop + len(state), ""
    goes_on = bool(state)
    return Scanned(" ".join(found), state if state == end and len(end) > 1 else "", goes_on)
