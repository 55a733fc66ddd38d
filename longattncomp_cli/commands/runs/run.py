"""What ``score`` and ``compress`` were asked to do, resolved once: read, parsed and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from longattncomp_cli.commands.options.inputs import FormatName
from longattncomp_cli.commands.options.run_options import RunOptions
from longattncomp_cli.commands.options.scale import EngineName
from longattncomp_cli.commands.runs.written import parse_query_parser, parse_size, read_query
from longattncomp_cli.commands.terminal.console import Notify, on_note
from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR
from longattncomp_cli.core.backbones.cache.choice import CacheChoice
from longattncomp_cli.core.batch.jobs import JobKind, RecordJob
from longattncomp_cli.core.batch.shards import Shard, parse_shard
from longattncomp_cli.core.budget.amounts import parse_budget
from longattncomp_cli.core.compressor import Compressor
from longattncomp_cli.core.files.output_files import partial_path
from longattncomp_cli.core.inputs.gather import InputFile
from longattncomp_cli.core.inputs.records import FieldNames
from longattncomp_cli.core.scoring.choice import ScorerChoice
from longattncomp_cli.core.selection.keep_rules import KeepRules, parse_lines
from longattncomp_cli.core.selection.select import SelectionRule, SelectMode
from longattncomp_cli.core.settings import CompressorSettings
from longattncomp_cli.errors import UsageError

_DEFAULT_TOP_P = SelectionRule().top_p


@dataclass(frozen=True, kw_only=True)
class Run:
    """One call of ``score`` or ``compress``; made by :meth:`resolve`, then only read."""

    query: str
    """What relevance is judged against; ``""`` where records have their own or a prompt is parsed."""
    settings: CompressorSettings
    """What to keep."""
    headers: bool | None
    """Whether each source's name is printed, where that was said; see :meth:`for_files`."""
    choice: ScorerChoice
    """Which scorer."""
    tokenizer: str
    """What counts the budget."""
    cache: CacheChoice
    """What is kept of contexts that were read."""
    inputs: tuple[str, ...]
    """Files, directories, globs and ``-``, as typed."""
    input_format: FormatName
    """What the inputs hold."""
    fields: FieldNames
    """How the records' fields are called."""
    limit: int | None
    """Records to read at most."""
    shard: Shard | None
    """The part of a batch to do; ``None`` is all of it."""
    engine: EngineName
    """What runs a batch."""
    workers: int | None
    """Processes of the engine that hold the model; as many as the machines can where ``None``."""
    output: Path | None
    """Instead of standard output, as named: a shard writes beside it."""
    report: Path | None
    """The chunk-score report."""
    html: Path | None
    """The page of a text."""
    overwrite: bool
    """Whether outputs that exist are replaced."""
    resume: bool
    """Whether an interrupted batch is continued."""
    fail_fast: bool
    """Whether the first record that fails ends the batch."""
    quiet: bool
    """Whether notes, tables and progress are left out."""

    @classmethod
    def resolve(cls, options: RunOptions, *, as_text: bool = False) -> Run:
        """Read ``--query-file``, parse what is written in a form of its own, and check it all.

        Args:
            options: as typed.
            as_text: whether a conversation is printed as one text.

        Raises:
            UsageError: a value cannot be read or is out of range, or two options contradict each other.
            InputError: ``--query-file`` cannot be read.
        """
        _refuse_one_file_twice(options)
        if options.as_published:
            _refuse_what_is_not_published(options)
        settings = replace(_settings(options), as_text=as_text)
        return cls(
            query=read_query(options),
            settings=settings,
            headers=options.headers,
            choice=_scorer_choice(options),
            tokenizer=options.tokenizer,
            cache=CacheChoice(folder=options.cache, max_bytes=parse_size(options.cache_size)),
            inputs=tuple(options.inputs or ()),
            input_format=options.input_format,
            fields=FieldNames(context=options.context_field, query=options.query_field, id=options.id_field),
            limit=options.limit,
            shard=_shard(options),
            engine=options.engine,
            workers=options.workers,
            output=options.output,
            report=options.report,
            html=options.html,
            overwrite=options.overwrite,
            resume=options.resume,
            fail_fast=options.fail_fast,
            quiet=options.quiet,
        )

    def for_files(self, files: Sequence[InputFile], num_sources: int) -> Run:
        """The run on texts of these files: headers tell which, where several were found, not named."""
        if self.headers is not None or num_sources < 2 or all(file.named for file in files):
            return self
        return replace(self, settings=replace(self.settings, headers=True))

    @property
    def on_note(self) -> Notify:
        """What is to be called with a note."""
        return on_note(quiet=self.quiet)

    @property
    def output_file(self) -> Path | None:
        """Where the main output goes: ``output``, or the shard's file beside it."""
        return self._file_of_shard(self.output)

    @property
    def report_file(self) -> Path | None:
        """The same for ``report``."""
        return self._file_of_shard(self.report)

    def _file_of_shard(self, path: Path | None) -> Path | None:
        if path is None or self.shard is None or self.shard.is_all:
            return path
        return self.shard.path_of_shard(path)

    def load_compressor(self) -> Compressor:
        """Load tokenizer, checkpoint and backbone for one text, the quickest to fail first."""
        return Compressor.of_choice(
            self.choice, self.tokenizer, self.settings, cache=self.cache, on_note=self.on_note
        )

    def record_job(self, kind: JobKind) -> RecordJob:
        """What is done with each record of a batch."""
        return RecordJob(
            kind=kind,
            choice=self.choice,
            tokenizer=self.tokenizer,
            settings=self.settings,
            query=self.query,
            with_report=self.report is not None,
            fields=self.fields,
            cache=replace(self.cache, in_memory=True),
        )


def _settings(options: RunOptions) -> CompressorSettings:
    """What to keep, its values checked."""
    if options.budget is not None:
        parse_budget(options.budget)
    parser, tail_tokens = parse_query_parser(options.query_parser or "auto")
    separator = DEFAULT_SEPARATOR if options.separator is None else options.separator.replace("\\n", "\n")
    return CompressorSettings(
        rule=_rule(options),
        budget=options.budget,
        separator=separator,
        headers=bool(options.headers),
        query_parser=parser,
        tail_tokens=tail_tokens,
        keep=KeepRules(
            patterns=tuple(options.keep or ()),
            lines=tuple(parse_lines(written) for written in options.keep_lines or ()),
            head_tokens=options.keep_head,
            tail_tokens=options.keep_tail,
        ),
    )


def _rule(options: RunOptions) -> SelectionRule:
    """When selection stops; as published by Algorithm 1, which stops at a cumulative score."""
    default: SelectMode = "top-p" if options.as_published or options.top_p is not None else "budget"
    mode = options.select or default
    if mode in ("budget", "auto") and options.top_p is not None:
        raise UsageError(f"--select {mode} ignores --top-p", hint="drop one, or use --select top-p")
    rule = SelectionRule(mode=mode, top_p=_DEFAULT_TOP_P if options.top_p is None else options.top_p)
    return rule.as_published() if options.as_published else rule


def _scorer_choice(options: RunOptions) -> ScorerChoice:
    """The scorer that the options name: a checkpoint, or an untrained decoder."""
    return ScorerChoice(
        checkpoint=options.checkpoint,
        backbone=options.backbone,
        layers=options.layers,
        encoding=options.encoding,
        chat_template=options.chat_template,
        trust_remote_code=options.trust_remote_code,
        device=options.device,
        dtype=options.dtype,
        chunk_tokens=options.chunk_tokens,
        snap="none" if options.as_published else options.snap,
        hops=1 if options.as_published else options.hops,
        as_published=options.as_published,
    )


def _refuse_what_is_not_published(options: RunOptions) -> None:
    """The paper has one pass, chunks of a fixed number of tokens, and a selection by top-p and budget."""
    steps_of_ours = {
        f"--hops {options.hops}": options.hops not in (None, 1),
        f"--select {options.select}": options.select not in (None, "top-p", "budget"),
        f"--snap {options.snap}": options.snap not in (None, "none"),
    }
    for option, is_ours in steps_of_ours.items():
        if is_ours:
            raise UsageError(
                f"--as-published and {option}, which the paper does not have",
                hint=f"drop one: --as-published or {option}",
            )


def _shard(options: RunOptions) -> Shard | None:
    """The part of the batch to do."""
    if options.shard is None:
        return None
    shard = parse_shard(options.shard)
    if options.output is None:
        raise UsageError("--shard writes a file", hint="name it with --output")
    return shard


def _refuse_one_file_twice(options: RunOptions) -> None:
    named = {"--output": options.output, "--report": options.report, "--html": options.html}
    taken: dict[Path, str] = {}
    for option, path in named.items():
        if path is None:
            continue
        try:
            places = {path.absolute().resolve(), partial_path(path).absolute().resolve()}
        except OSError:  # it cannot be made: the check before the run says why
            continue
        for place in places:
            if place in taken:
                raise UsageError(f"{taken[place]} and {option} are both {path}", hint="name two files")
            taken[place] = option
