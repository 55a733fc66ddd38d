"""The options of ``score`` and ``compress`` as one checked value, and what they build."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import orjson

from longattncomp_cli import __version__
from longattncomp_cli.commands import backbone_options as backbones
from longattncomp_cli.commands import input_options as reading
from longattncomp_cli.commands import options as opt
from longattncomp_cli.commands import scale_options as scale
from longattncomp_cli.commands import selection_options as keeping
from longattncomp_cli.commands.input_options import Parser
from longattncomp_cli.commands.selection_options import Select
from longattncomp_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from longattncomp_cli.core.compressor import Compressor, CompressorSettings
    from longattncomp_cli.core.inputs.records import FieldNames
    from longattncomp_cli.core.shards import Shard

DEFAULT_TOP_P = 0.95
DEFAULT_EPSILON = 0.01


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for: one field an option, of the same name."""

    inputs: reading.Inputs = None
    query: reading.Query = None
    query_file: reading.QueryFile = None
    query_parser: reading.QueryParser = None
    query_tokens: reading.QueryTokens = 128
    input_format: reading.InputFormat = reading.Format.AUTO
    context_field: reading.ContextField = "context"
    query_field: reading.QueryField = "query"
    id_field: reading.IdField = "id"
    limit: reading.Limit = None
    budget: keeping.Budget = None
    tokenizer: opt.TokenizerName = "o200k_base"
    select: keeping.SelectOption = None
    top_p: keeping.TopP = None
    epsilon: keeping.Epsilon = 0.01
    fill: keeping.Fill = True
    chunk_tokens: opt.ChunkTokens = None
    snap: opt.SnapOption = None
    separator: opt.Separator = None
    cut_marks: keeping.CutMarks = True
    headers: keeping.Headers = False
    keep: keeping.Keep = None
    keep_lines: keeping.KeepLines = None
    keep_head: keeping.KeepHead = 0
    keep_tail: keeping.KeepTail = 0
    checkpoint: keeping.CheckpointName = None
    hops: keeping.Hops = None
    output: opt.Output = None
    report: opt.Report = None
    html: opt.Html = None
    overwrite: opt.Overwrite = False
    resume: opt.Resume = False
    fail_fast: opt.FailFast = False
    device: opt.DeviceOption = opt.Device.AUTO
    dtype: opt.DTypeOption = opt.DType.AUTO
    seed: opt.Seed = 0
    quiet: opt.Quiet = False
    config: opt.Config = None
    show_config: opt.ShowConfig = False
    dry_run: opt.DryRun = False
    # Backbones and scale
    backbone: backbones.BackboneName = None
    layers: backbones.Depth = None
    encoding: backbones.EncodingOption = None
    chat_template: backbones.ChatTemplate = False
    trust_remote_code: backbones.TrustRemoteCode = False
    cache: scale.Cache = None
    cache_size: scale.CacheSize = "2G"
    shard: scale.ShardOption = None
    engine: scale.EngineOption = scale.Engine.LOCAL
    ray_address: scale.RayAddress = None
    workers: scale.Workers = None

    ENV_PREFIX: ClassVar[str] = "LONGATTNCOMP"
    # What belongs to one call only is not taken from the environment.
    WITHOUT_ENV: ClassVar[tuple[str, ...]] = (
        *("inputs", "query", "query_file", "output", "report", "html", "overwrite", "resume"),
        *("show_config", "dry_run", "keep", "keep_lines", "trust_remote_code"),
    )

    def question(self) -> str:
        """The query of the command line, or ``""``.

        Raises:
            UsageError: it is empty, or given twice, or given and to be parsed.
            InputError: its file cannot be read.
        """
        if self.query is not None and self.query_file is not None:
            raise UsageError("both --query and --query-file", hint="give one of them")
        text = self.query if self.query_file is None else _read_query(self.query_file)
        if text is None:
            return ""
        if not _is_unicode(text):
            raise UsageError("the query is not UTF-8", hint="check the terminal's encoding")
        if not text.strip():
            raise UsageError(
                "the query is empty", hint="ask something: -q 'your question'", code="empty-query"
            )
        if self.query_parser in (Parser.AUTO, Parser.TAIL):
            raise UsageError(
                f"a query and --query-parser {self.query_parser}",
                hint="drop one: a given query is not parsed for",
            )
        return text

    def fields(self) -> FieldNames:
        """How the records' fields are called."""
        from longattncomp_cli.core.inputs.records import FieldNames

        return FieldNames(context=self.context_field, query=self.query_field, id=self.id_field)

    def settings(self) -> CompressorSettings:
        """What to keep, its values checked.

        Raises:
            UsageError: a value is out of range, or two options contradict each other.
        """
        from longattncomp_cli.core.assembly.renderer import DEFAULT_SEPARATOR
        from longattncomp_cli.core.budget.amounts import parse_budget
        from longattncomp_cli.core.compressor import CompressorSettings
        from longattncomp_cli.core.selection.keep_rules import KeepRules, parse_lines
        from longattncomp_cli.core.selection.select import SelectionRule

        self._refuse_one_file_twice()
        mode = self.select or (Select.BUDGET if self.top_p is None else Select.TOP_P)
        if mode in (Select.BUDGET, Select.AUTO) and self.top_p is not None:
            raise UsageError(f"--select {mode.value} ignores --top-p", hint="drop one, or use --select top-p")
        if self.budget is not None:
            parse_budget(self.budget)
        separator = DEFAULT_SEPARATOR if self.separator is None else self.separator.replace("\\n", "\n")
        return CompressorSettings(
            rule=SelectionRule(
                mode=mode.value,
                top_p=DEFAULT_TOP_P if self.top_p is None else self.top_p,
                epsilon=self.epsilon,
                fill=self.fill,
            ),
            budget=self.budget,
            separator=separator,
            headers=self.headers,
            cut_marks=self.cut_marks,
            query_parser=(self.query_parser or Parser.AUTO).value,
            tail_tokens=self.query_tokens,
            keep=KeepRules(
                patterns=tuple(self.keep or ()),
                lines=tuple(parse_lines(written) for written in self.keep_lines or ()),
                head_tokens=self.keep_head,
                tail_tokens=self.keep_tail,
            ),
        )

    def compressor(self, *, share: bool = False) -> Compressor:
        """Load tokenizer, checkpoint and backbone, the quickest to fail first.

        Args:
            share: requests may have their context in common: keep what was read in memory.
        """
        settings = self.settings()
        from longattncomp_cli.core.budget.tokenizers import load_tokenizer

        tokenizer = None if self.tokenizer == "backbone" else load_tokenizer(self.tokenizer)
        import torch

        from longattncomp_cli.commands.backbones import load_run_scorer
        from longattncomp_cli.core.compressor import Compressor

        torch.manual_seed(self.seed)
        scorer = load_run_scorer(self, share=share)
        return Compressor(scorer, tokenizer, settings)

    def outputs(self) -> dict[str, Path]:
        """The files to write, by the option that names them."""
        named = {"--output": self.output, "--report": self.report, "--html": self.html}
        return {option: path for option, path in named.items() if path is not None}

    def part(self) -> Shard | None:
        """The part of the batch to do.

        Raises:
            UsageError: ``--shard`` is no shard, or has no output to write to.
        """
        if self.shard is None:
            return None
        from longattncomp_cli.core.shards import parse_shard

        shard = parse_shard(self.shard)
        if self.output is None:
            raise UsageError("--shard writes a file", hint="name it with --output")
        return shard

    def output_file(self) -> Path | None:
        """Where the main output goes: ``--output``, or the shard's own file beside it."""
        return self._own_file(self.output)

    def report_file(self) -> Path | None:
        """The same for ``--report``."""
        return self._own_file(self.report)

    def _own_file(self, path: Path | None) -> Path | None:
        shard = self.part()
        return path if shard is None or shard.is_all or path is None else shard.path(path)

    def _refuse_one_file_twice(self) -> None:
        from longattncomp_cli.core.files.output_files import partial_path

        taken: dict[Path, str] = {}
        for option, path in self.outputs().items():
            try:
                places = {path.absolute().resolve(), partial_path(path).absolute().resolve()}
            except OSError:  # it cannot be made: the check before the run says why
                continue
            for place in places:
                if place in taken:
                    raise UsageError(f"{taken[place]} and {option} are both {path}", hint="name two files")
                taken[place] = option

    def fingerprint(self, command: str, compressor: Compressor) -> str:
        """12 hex digits of everything that decides a record's line, compared by ``--resume``."""
        scorer = compressor.scorer
        decisive = {
            "version": __version__,
            "checkpoint": scorer.checkpoint.digest,
            "tokenizer": compressor.tokenizer.name,
            "settings": asdict(compressor.settings),
            "chunk_tokens": scorer.chunk_tokens,
            "snap": scorer.snap,
            "hops": (scorer.hops, self.hops is None),  # by default a very long context takes one
            "command": command,
            "query": self.question(),
            "fields": asdict(self.fields()),
            "dtype": self.dtype.value,
        }
        return hashlib.sha256(orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]


def _is_unicode(text: str) -> bool:
    """Whether no byte of a command line came through undecoded."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _read_query(path: Path) -> str:
    from longattncomp_cli.core.files.paths import decode

    try:
        return decode(path.read_bytes(), str(path)).strip()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", hint="check --query-file") from error
