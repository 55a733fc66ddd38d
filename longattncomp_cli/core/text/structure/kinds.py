"""What a text holds: by the suffix of its name, and where that says nothing by cheap patterns in it."""

from __future__ import annotations

import re
from pathlib import PurePath

from longattncomp_cli.core.text.structure.chats import looks_like_chat
from longattncomp_cli.core.text.structure.formats.blocks import has_alike_lines, has_blocks
from longattncomp_cli.core.text.structure.formats.braces import has_brace_blocks
from longattncomp_cli.core.text.structure.formats.signs import format_of
from longattncomp_cli.core.text.structure.tables.delimited import delimited_kind

GRAMMARS = {
    "python": (".py", ".pyi", ".pyw"),
    "javascript": (".js", ".mjs", ".cjs", ".jsx"),
    "typescript": (".ts", ".mts", ".cts"),
    "tsx": (".tsx",),
    "go": (".go",),
    "rust": (".rs",),
    "java": (".java",),
    "c": (".c", ".h"),
    "cpp": (".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".cu"),
    "ruby": (".rb", ".rake"),
}
"""Languages that are read with a grammar, and the suffixes of their files."""


_OTHER_CODE = (
    ".bash", ".cs", ".dart", ".ex", ".exs", ".groovy", ".hs", ".jl", ".kt", ".kts", ".lua", ".m", ".ml",
    ".nim", ".php", ".pl", ".pm", ".r", ".scala", ".sh", ".sol", ".swift", ".vue", ".zig", ".zsh",
    ".bzl", ".clj", ".cljs", ".el", ".erl", ".f90", ".f95", ".fs", ".fsx", ".groovy", ".lisp", ".mm", ".pas",
    ".ps1",    ".psm1", ".rkt", ".scm", ".sv", ".tcl", ".v", ".vb", ".vbs", ".vhd", ".vhdl",
)  # fmt: skip


_KINDS = {
    **{suffix: language for language, suffixes in GRAMMARS.items() for suffix in suffixes},
    **dict.fromkeys(_OTHER_CODE, "code"),
    **dict.fromkeys((".md", ".markdown", ".mdx", ".qmd"), "markdown"),
    **dict.fromkeys((".json", ".geojson", ".ipynb"), "json"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".rst": "rst",
    **dict.fromkeys((".tex", ".ltx"), "latex"),
    **dict.fromkeys((".adoc", ".asciidoc"), "asciidoc"),
    ".org": "org",
    ".csv": "csv",
    ".tsv": "tsv",
    ".sql": "sql",
    ".bib": "bibtex",
    ".ldif": "ldif",
    ".eml": "mail",
    ".mbox": "mail",
    **dict.fromkeys((".yaml", ".yml"), "yaml"),
    **dict.fromkeys((".toml", ".ini", ".cfg", ".properties", ".env", ".desktop"), "config"),
    **dict.fromkeys((".service", ".socket", ".timer", ".mount", ".target", ".path", ".slice"), "config"),
    **dict.fromkeys(
        (".tf", ".tfvars", ".hcl", ".nomad", ".proto", ".graphql", ".gql", ".prisma", ".thrift"), "settings"
    ),
    **dict.fromkeys((".css", ".scss", ".less", ".bicep", ".nginx", ".nix", ".avdl", ".kdl"), "settings"),
    **dict.fromkeys((".cmake", ".bazel", ".gn"), "fields"),
    ".feature": "gherkin",
    **dict.fromkeys((".srt", ".vtt", ".sbv"), "subtitles"),
    ".chat": "chat",
    **dict.fromkeys(
        (".pgn", ".ris", ".enw", ".ged", ".po", ".pot", ".qif", ".abc", ".edi", ".mrk"), "entries"
    ),
    **dict.fromkeys((".vcf", ".vcard", ".ics", ".ical"), "cards"),
    **dict.fromkeys((".diff", ".patch"), "diff"),
    **dict.fromkeys((".mk", ".mak"), "makefile"),
    **dict.fromkeys(
        (".xml", ".svg", ".plist", ".csproj", ".xsd", ".wsdl", ".xaml", ".rss", ".kml", ".gpx"), "xml"
    ),
}


_NAMES = {
    **dict.fromkeys(("dockerfile", "containerfile"), "dockerfile"),
    **dict.fromkeys(("makefile", "gnumakefile"), "makefile"),
    **dict.fromkeys((".env", ".editorconfig", ".gitconfig", ".npmrc", "pipfile"), "config"),
    **dict.fromkeys(("gemfile", "rakefile", "vagrantfile"), "ruby"),
    **dict.fromkeys(("jenkinsfile",), "code"),
    "caddyfile": "settings",
    **dict.fromkeys(("cmakelists", "meson"), "fields"),
}

_PROSE = (".html", ".htm")


CODE_KINDS = frozenset({*GRAMMARS, "code", "sql"})
"""Kinds that are program text."""


ENTRY_KINDS = frozenset({"log", "dump", "subtitles", "cards", "bibtex", "ldif", "entries", "fields", "lines"})
"""Kinds whose units are entries that stand beside each other, each readable alone."""


LINE_KINDS = ENTRY_KINDS | frozenset(
    {
        "yaml",
        "config",
        "settings",
        "dockerfile",
        "makefile",
        "diff",
        "testrun",
        "xml",
        "json",
        "jsonl",
        "gherkin",
    }
)
"""Kinds of which half a line says nothing, or something else."""


FOLDED_KINDS = frozenset({"cards", "ldif"})
"""Kinds in which a line that begins with a space is the rest of the one above."""


_SAMPLE_CHARS = 60_000
_FORMAT_CHARS = 20_000
_SIGNS = {
    "python": re.compile(
        r"(?m)^[ \t]*(?:(?:async )?def \w+\(|class \w+[(:]|import \w[\w., ]*$|from [\w.]+ import |"
        r"elif .+:$|except\b.*:$|return\b.*$|@\w[\w.]*)"
    ),
    "javascript": re.compile(
        r"(?m)^[ \t]*(?:export |const \w+ = |let \w+ = |function \w*\(|import .* from ['\"]|\}\);?$)"
    ),
    "go": re.compile(r"(?m)^(?:package \w+$|func |type \w+ (?:struct|interface) \{|\t?if err != nil \{)"),
    "rust": re.compile(r"(?m)^[ \t]*(?:pub |fn \w+|impl\b.*\{|use [\w:]+|let (?:mut )?\w+.* = |#\[)"),
    "java": re.compile(
        r"(?m)^[ \t]*(?:package [\w.]+;|import [\w.*]+;|(?:public|private|protected) |@Override)"
    ),
    "cpp": re.compile(r"(?m)^[ \t]*(?:#include [<\"]|#define |namespace \w|template ?<|using \w|\w+::\w+)"),
    "ruby": re.compile(r"(?m)^[ \t]*(?:require ['\"]|def \w+[?!]?(?:\(.*\))?$|module [A-Z]|end$|attr_\w+ )"),
}


# Languages without a grammar that share words with one that has: what only they write.
_OTHER_SIGNS = re.compile(
    r"(?m)^[ \t]*+(?:<\?php|\$\w+(?:->\w+)*(?:\(.*\))? ?[.=;]|\$this->|foreach ?\("
    r"|(?:\w+ )*fun (?:<.*> )?(?:[\w<>]+\.)?\w+\(|(?:\w+ )*func \w+(?:<.*>)?\(.*\{$|guard let |if let "
    r"|(?:(?:private|protected|public|internal|override|lateinit|const|lazy|weak|static|final) )*"
    r"(?:val|var) \w+(?::| =|$)|using [\w.]+;$|namespace [\w.\\]+;?$|\[\w+(?:\(.*\))?\]$|.*\{ get; "
    r"|(?:override |private |implicit )*def \w+.*[={]$|(?:(?:case |companion )?object|trait|extension)\b.*\{$"
    r"|data class \w|local function |function [\w.:]+\(.*\)$|import (?:Foundation|SwiftUI|UIKit)$)"
)


# A text with none of these that says ``return`` is in another language.
_ONLY_PYTHON = re.compile(
    r"(?m)^[ \t]*(?:(?:async )?def \w+\([^\n]*:?$|class \w+[^\n{]*:$|import \w[\w., ]*$|from [\w.]+ import "
    r"|(?:if|elif|for|while|with|try|except|else)\b[^\n{]*:$)"
)


_CLOSING = re.compile(r"(?m)^[ \t]*\}[;,)]*$")


_BLANK = "\ufeff \t\r\n"
_FEWEST_SIGNS = 4
_SIGN_SHARE = 0.12
_HEADING = re.compile(r"(?m)^(?:#{1,6} \S|\|[ :|-]*---[ :|-]*\|?$)")


_CODE_FENCE = re.compile(r"(?m)^```")
# A line of a comment that goes on in the next one; one with nothing in it, ruled off, or without a space.
_NO_HEADING = re.compile(r"(?m)^#(?!#)(?:[^\n]*\n(?=#(?!#))|[ \t]*$|[^\s#])")
_COMMENT_SHARE = 1 / 3


def kind_of(text: str, name: str = "") -> str | None:
    """A language, ``code``, ``markdown``, ``rst``, ``json``, ``csv``, ``chat``, …; ``None`` for prose."""
    suffix = PurePath(name).suffix.lower() if len(name) < 1_000 else ""
    if suffix in _PROSE:
        return None
    return _KINDS.get(suffix) or _by_name(name) or _by_signs(text)


def _by_name(name: str) -> str | None:
    """Of files whose names have no suffix, or one that says which of several it is (``Dockerfile.dev``)."""
    base = PurePath(name).name.lower() if len(name) < 1_000 else ""
    return _NAMES.get(base) or _NAMES.get(base[: base.find(".", 1)]) if base else None


def _by_signs(text: str) -> str | None:
    middle = max(0, len(text) // 2 - _SAMPLE_CHARS // 2)
    start = text.find("\n", middle) + 1 if len(text) > 2 * _SAMPLE_CHARS else 0
    sample = text[: _SAMPLE_CHARS // 2] + "\n" + text[start : start + _SAMPLE_CHARS // 2] if start else text
    sample = sample[:_SAMPLE_CHARS].removeprefix("\ufeff").replace("\r\n", "\n")
    opening, closing = text[:200].lstrip(_BLANK)[:1], text[-200:].rstrip()[-1:]
    if (opening, closing) in (("{", "}"), ("[", "]")):
        found = _json_kind(text[:_SAMPLE_CHARS])
        if found is not None:
            return found
    found = format_of(sample[:_FORMAT_CHARS]) or delimited_kind(sample)
    if found is not None:
        return found
    lines = [line for line in sample.splitlines() if line.strip()]
    if not lines:
        return None
    markdown = len(_HEADING.findall(sample))
    if markdown >= 2 and not _is_comment_style(sample, markdown):
        return "markdown"
    counts = {language: len(sign.findall(sample)) for language, sign in _SIGNS.items()}
    if not _ONLY_PYTHON.search(sample):
        counts["python"] = 0
    best = max(counts, key=lambda language: counts[language])
    others, closings = len(_OTHER_SIGNS.findall(sample)), len(_CLOSING.findall(sample))
    if others > counts[best] and others >= _FEWEST_SIGNS and others + closings >= _SIGN_SHARE * len(lines):
        return "code"
    if counts[best] >= _FEWEST_SIGNS and counts[best] >= _SIGN_SHARE * len(lines):
        return best
    if looks_like_chat(sample):
        return "chat"
    if has_blocks(sample[:_FORMAT_CHARS]):
        return "fields"
    if has_brace_blocks(sample):
        return "settings"
    return "lines" if has_alike_lines(sample) else None


def _is_comment_style(sample: str, headings: int) -> bool:
    """Whether lines that begin with ``#`` are rather the comments of a script or of a table of settings."""
    if _CODE_FENCE.search(sample):
        return False
    signs = sum(len(sign.findall(sample)) for sign in _SIGNS.values())
    return signs > 2 * headings or _COMMENT_SHARE * headings <= len(_NO_HEADING.findall(sample))


def _json_kind(sample: str) -> str | None:
    sample = sample.lstrip(_BLANK)
    lines = [line.strip() for line in sample.splitlines()[:4]]
    if len(lines) > 1 and all(line.startswith("{") and line.endswith("}") for line in lines[:2]):
        return "jsonl"
    return "json" if re.match(r'\s*(?:\{\s*"|\[\s*[\[{"\d\-tfn])', sample) else None
