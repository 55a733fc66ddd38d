"""Attention of a prompt that is read in parts."""

import torch
import torch.nn.functional as F

from longattncomp_cli.core.backbones.decoder.prefill import joined_attention, prefill_attention


def _attended(query, key, value):
    """What each query mixes, and the logarithm of its softmax's sum."""
    logits = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
    return logits.softmax(dim=-1) @ value, logits.logsumexp(dim=-1)


def test_attention_to_two_sets_of_keys_is_attention_to_both():
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(1, 3, n, 8, generator=generator) for n in (5, 12, 12))
    own, past = (_attended(query, key[:, :, part], value[:, :, part]) for part in (slice(9, 12), slice(9)))
    torch.testing.assert_close(joined_attention(*own, *past), _attended(query, key, value)[0])


def test_the_last_tokens_see_all_before_them_and_themselves():
    generator = torch.Generator().manual_seed(1)
    query, key, value = (torch.randn(1, n, 7, 8, generator=generator) for n in (4, 2, 2))
    whole, _ = prefill_attention(torch.nn.Identity(), query, key, value)
    last, _ = prefill_attention(torch.nn.Identity(), query[:, :, 4:], key, value)
    torch.testing.assert_close(last, whole[:, 4:])
    exact = F.scaled_dot_product_attention(
        query, key.repeat_interleave(2, dim=1), value.repeat_interleave(2, dim=1), is_causal=True
    )
    torch.testing.assert_close(whole, exact.transpose(1, 2))
