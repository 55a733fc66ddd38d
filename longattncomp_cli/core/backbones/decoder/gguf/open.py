"""Open a GGUF file as a decoder's weights."""

from __future__ import annotations

from pathlib import Path

from longattncomp_cli.core.backbones.decoder.gguf.config import decoder_config
from longattncomp_cli.core.backbones.decoder.gguf.header import read_header
from longattncomp_cli.core.backbones.decoder.gguf.layout import PREFIX, tensor_recipes
from longattncomp_cli.core.backbones.decoder.gguf.reader import GgufReader
from longattncomp_cli.core.backbones.decoder.weights import DecoderWeights


def open_gguf(path: Path) -> DecoderWeights:
    """Read the header; tensors are found and not read.

    Raises:
        ResourceError: the package that knows the quantisations is missing.
        CheckpointError: the file is damaged, or its model is not supported.
    """
    reader = GgufReader(read_header(path))
    config = decoder_config(reader)
    reader.lay_out(tensor_recipes(reader.header, config))
    return DecoderWeights(config, reader, PREFIX)
