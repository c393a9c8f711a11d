# SPDX-License-Identifier: MIT
"""How Sphinx makes HTML of the book. `make book` runs it, on the copy of book/
that tools/html_book.py prepares in build/book-src: there is a list of pages in
pages.toml and none here. Nothing is fetched from a network, neither when the
book is built nor when it is read.
"""
from pygments.lexer import RegexLexer, bygroups
from pygments.token import (Comment, Generic, Keyword, Name, Number,
                            Operator, Punctuation, String, Text)

project = "Strata"
author = "The Strata authors"
project_copyright = author
language = "en"

extensions = ["myst_parser"]
# Links to a heading, page.md#heading, as code-hosting sites understand them.
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Strata"
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["strata.css"]
html_favicon = "_static/strata.svg"
pygments_style = "default"
pygments_dark_style = "native"

COMMENTS = [(r"//[^\n]*", Comment.Single),
            (r"/\*(?:.|\n)*?\*/", Comment.Multiline)]


class AssemblyLexer(RegexLexer):
    """AArch64 assembly as it goes through the C preprocessor."""
    name = "AArch64 assembly"
    aliases = ["asm"]
    tokens = {
        "root": [
            *COMMENTS,
            (r"^#[^\n]*", Comment.Preproc),
            (r"^([\w.$]+)(:)", bygroups(Name.Label, Punctuation)),
            (r"(\s+)(\.\w+)", bygroups(Text, Keyword.Pseudo)),
            (r"^(\.\w+)", Keyword.Pseudo),
            (r"((?:^|(?<=:))[ \t]+)([a-z][\w.]*)", bygroups(Text, Keyword)),
            (r'"(?:\\.|[^"\\\n])*"', String),
            (r"\\\w+(?:\\\(\))?", Name.Variable),
            (r"#?-?0x[0-9a-fA-F]+|#?-?\b\d+\b[bf]?", Number),
            (r"\b(?:[xw]\d{1,2}|sp|wsp|xzr|wzr|lr|pc)\b", Name.Builtin),
            (r"[A-Za-z_.$][\w.$]*", Name),
            (r"[][(){},:#!]", Punctuation),
            (r"[-+*/%&|~^<>=]", Operator),
            (r"\n|[ \t]+|.", Text),
        ],
    }


class LinkerScriptLexer(RegexLexer):
    """Scripts of the linker."""
    name = "Linker script"
    aliases = ["ld"]
    tokens = {
        "root": [
            COMMENTS[1],
            (r"\b(?:ENTRY|SECTIONS|ALIGN|NOLOAD|COMMON|KEEP|PROVIDE|ASSERT|"
             r"SIZEOF|ADDR|LOADADDR|PHDRS|AT)\b|/DISCARD/", Keyword),
            (r"\b0x[0-9a-fA-F]+\b|\b\d+[KM]?\b", Number),
            (r"\.[A-Za-z_][\w.]*", Name.Label),
            (r"[A-Za-z_]\w*", Name),
            (r"[{}():;,*]", Punctuation),
            (r"[-+=&|<>?!~/]", Operator),
            (r"\s+|.", Text),
        ],
    }


class TranscriptLexer(RegexLexer):
    """What a terminal showed: commands behind a "$", and what they said."""
    name = "Transcript"
    aliases = ["console"]
    tokens = {
        "root": [
            (r"^(\$ )([^\n]*)", bygroups(Generic.Prompt, Generic.Strong)),
            (r"[^\n]+|\n", Text),
        ],
    }


def setup(app):
    app.add_lexer("console", TranscriptLexer)
    app.add_lexer("asm", AssemblyLexer)
    app.add_lexer("ld", LinkerScriptLexer)
