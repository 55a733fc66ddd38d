"""The options of ``score`` and ``compress`` as one value, as typed; ``runs.run`` resolves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from longattncomp_cli.commands.options import backbone as decoders
from longattncomp_cli.commands.options import common, scale
from longattncomp_cli.commands.options import inputs as reading
from longattncomp_cli.commands.options import selection as keeping


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the user asked for: one field an option, of the same name."""

    inputs: reading.Inputs = None
    query: reading.Query = None
    query_file: reading.QueryFile = None
    query_parser: reading.QueryParser = None
    input_format: reading.Format = "auto"
    context_field: reading.ContextField = "context"
    query_field: reading.QueryField = "query"
    id_field: reading.IdField = "id"
    limit: reading.Limit = None
    budget: keeping.Budget = None
    tokenizer: common.TokenizerName = "o200k_base"
    select: keeping.Select = None
    top_p: keeping.TopP = None
    chunk_tokens: common.ChunkTokens = None
    snap: common.Snap = None
    separator: common.Separator = None
    headers: keeping.Headers = None
    keep: keeping.Keep = None
    keep_lines: keeping.KeepLines = None
    keep_head: keeping.KeepHead = 0
    keep_tail: keeping.KeepTail = 0
    checkpoint: keeping.CheckpointName = None
    hops: keeping.Hops = None
    as_published: common.AsPublished = False
    output: common.Output = None
    report: common.Report = None
    html: common.Html = None
    overwrite: common.Overwrite = False
    resume: common.Resume = False
    fail_fast: common.FailFast = False
    device: common.Device = "auto"
    dtype: common.DType = "auto"
    seed: common.UnusedSeed = 0
    quiet: common.Quiet = False
    config: common.Config = None
    show_config: common.ShowConfig = False
    dry_run: common.DryRun = False
    backbone: decoders.BackboneName = None
    layers: decoders.Depth = None
    encoding: decoders.Encoding = None
    chat_template: decoders.ChatTemplate = False
    trust_remote_code: decoders.TrustRemoteCode = False
    cache: scale.Cache = None
    cache_size: scale.CacheSize = "2G"
    shard: scale.ShardName = None
    engine: scale.Engine = "local"
    workers: scale.Workers = None

    ENV_PREFIX: ClassVar[str] = "LONGATTNCOMP"
    # What belongs to one call only is not taken from the environment.
    WITHOUT_ENV: ClassVar[tuple[str, ...]] = (
        *("inputs", "query", "query_file", "output", "report", "html", "overwrite", "resume"),
        *("show_config", "dry_run", "keep", "keep_lines", "trust_remote_code"),
    )
