"""Methods of the benchmark on the real embedded model: one rule selects, each scores in its own way."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from longattncomp_cli.benchmark.measuring.measure import evidence_figures, places_of, rows_of
from longattncomp_cli.benchmark.methods.registry import METHOD_NAMES, MethodChoice, build_methods
from longattncomp_cli.benchmark.methods.spec_prefill.attention import chunk_means, pooled, step_scores
from longattncomp_cli.benchmark.methods.spec_prefill.draft_model import LOOK_AHEAD
from longattncomp_cli.benchmark.setup.settings import UNBUDGETED, BenchSettings
from longattncomp_cli.benchmark.setup.workbench import ENCODER_LAYERS, Workbench
from longattncomp_cli.benchmark.targets.rendering import rendered
from longattncomp_cli.benchmark.tasks.item import Item, item_of_text
from longattncomp_cli.core.checkpoint.store import load_checkpoint
from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.selection.select import select
from longattncomp_cli.errors import InputError, ResourceError

SCORING = ("longattncomp", "spec-prefill", "bm25", "dense", "cosine", "maxsim")


@pytest.fixture(scope="module")
def bench():
    return Workbench(
        BenchSettings(device="cpu"), [load_checkpoint("untrained")], layers=ENCODER_LAYERS, is_sharing=True
    )


@pytest.fixture(scope="module")
def item():
    paragraphs = [f"Jetty {i} was built by the harbour board in the year {1700 + i * 3}." for i in range(120)]
    paragraphs[75] = "The lamp of the lighthouse at Skerrow burns rape oil, carried up by a boy at dusk."
    text = "\n\n".join(paragraphs)
    start = text.index(paragraphs[75])
    query = "What does the lamp of the lighthouse burn?"
    return item_of_text("lamp", query, text, [(start, start + len(paragraphs[75]))], answers=(("rape oil",),))


@pytest.fixture(scope="module")
def methods(bench):
    names = tuple(name for name in METHOD_NAMES if name != "llmlingua2")
    return {m.name: m for m in build_methods(MethodChoice(names=names, is_explicit=True), bench)[0]}


def rows(method, item: Item, bench, *budgets):
    return list(rows_of(method, item, bench.chunk(item.request), 0.0, budgets, bench))


@pytest.fixture(scope="module")
def three_rows(methods, bench, item):
    """Of a method the rows at 5%, 300 and 900 tokens, from one scoring."""
    return cache(lambda name: rows(methods[name], item, bench, "5%", "300", "900"))


@pytest.mark.parametrize("name", SCORING)
def test_scoring_methods_find_the_one_paragraph(three_rows, name):
    row = three_rows(name)[0]
    assert row["recall"] == 1.0
    assert row["complete"]
    assert row["answer_kept"] == 1.0
    assert row["budget_use"] <= 1.0


def test_random_is_worse_than_any_method_that_reads(three_rows):
    chance = three_rows("random")[0]["recall"]
    assert all(three_rows(name)[0]["recall"] > chance for name in SCORING)


@pytest.mark.parametrize("name", [*SCORING, "head", "tail", "head-tail", "random", "oracle"])
def test_no_method_exceeds_its_budget_and_more_budget_keeps_more(three_rows, bench, item, name):
    _, low, high = three_rows(name)
    for row, budget in ((low, 300), (high, 900)):
        assert row["num_tokens"] <= budget
        text = rendered(item, row["spans"], bench.settings.separator)
        assert bench.tokenizer.count(text) == row["num_tokens"]
    assert high["recall"] >= low["recall"]
    kept = {i for _, start, end in high["spans"] for i in range(start, end)}
    assert {i for _, start, end in low["spans"] for i in range(start, end)} <= kept


def test_ends_are_the_ends_and_full_is_everything(methods, bench, item):
    length = len(item.request.sources[0].text)
    assert [span[1] for span in rows(methods["head"], item, bench, "300")[0]["spans"]] == [0]
    assert rows(methods["tail"], item, bench, "300")[0]["spans"][-1][2] == length
    both = rows(methods["head-tail"], item, bench, "300")[0]["spans"]
    assert both[0][1] == 0
    assert both[-1][2] == length
    assert rows(methods["full"], item, bench, UNBUDGETED)[0]["spans"] == [[0, 0, length]]


def test_the_oracle_keeps_the_evidence_and_nothing_else(three_rows, methods, bench, item):
    row = three_rows("oracle")[1]
    assert row["spans"] == [list(place) for place in item.evidence]
    nothing = replace(item, evidence=())
    assert rows(methods["oracle"], nothing, bench, "300")[0]["spans"] == []


def test_random_follows_from_seed_and_item(methods, bench, item):
    first, again = (rows(methods["random"], item, bench, "300")[0]["spans"] for _ in range(2))
    assert first == again
    assert rows(methods["random"], replace(item, id="other"), bench, "300")[0]["spans"] != first


def test_attncomp_takes_whole_documents_by_threshold_and_needs_no_budget(methods, bench):
    documents = [
        "The lamp burns rape oil.",
        "Jetty 3 is new.",
        "The lamp is lit at dusk.",
        "A ferry sails at nine.",
    ]
    told = "Answer the question with the documents that are relevant to it."
    request = Request((Source("\n\n".join(documents)),), "What does the lamp burn?", instruction=told)
    scores = methods["attncomp"].score(Item("d", request), bench.chunk(request)).scores
    texts = [request.sources[0].text[c.start : c.end].strip() for c in scores.chunks]
    assert texts == documents
    # The masses of the documents and of the instruction, which is the sink, make up the whole.
    assert 0 < scores.sink == pytest.approx(1.0 - scores.scores.sum(), abs=1e-5)
    assert scores.order[0] == 0
    parts = Request(tuple(Source(text) for text in documents), request.query)
    apart = methods["attncomp"].score(Item("s", parts), bench.chunk(parts)).scores
    assert [c.source for c in apart.chunks] == [0, 1, 2, 3]
    # Without an instruction nothing else draws attention.
    assert apart.sink is None
    assert apart.scores.sum() == pytest.approx(1.0, abs=1e-5)


def test_cosine_is_of_mean_states(methods, bench, item):
    """Against the plain sum over the states of each chunk, from one pass that is not shared."""
    chunked = bench.chunk(item.request)
    layer = max(bench.checkpoints[0].config.layers)
    encoding = bench.backbone.backbone.encode(chunked.context, item.request.query, "", [layer])
    blocks = list(encoding.blocks)
    states = torch.cat([block.states[layer] for block in blocks]).double()
    owner = torch.cat([block.chunk_index_N for block in blocks])
    query = encoding.query.states[layer].double().mean(dim=0)
    scores = methods["cosine"].score(item, chunked).scores.scores
    for index in range(len(chunked.chunks)):
        mean = states[owner == index].mean(dim=0)
        assert scores[index] == pytest.approx(float(mean @ query / mean.norm() / query.norm()), abs=1e-3)


def test_the_method_and_the_program_agree(three_rows, bench, item):
    """What bench keeps with the default method is what ``compress`` prints."""
    from longattncomp_cli.core.compressor import Compressor
    from longattncomp_cli.core.scoring.loading import load_scorer
    from longattncomp_cli.core.settings import CompressorSettings

    scorer = load_scorer(load_checkpoint("untrained"), device="cpu")
    compression = Compressor(scorer, bench.tokenizer, CompressorSettings(budget=300)).compress(item.request)
    row = three_rows("longattncomp")[1]
    assert rendered(item, row["spans"], bench.settings.separator) == compression.text


def test_a_budget_without_room_for_marks_is_told_in_the_row(methods, bench):
    """A reader makes the same text of the row: no mark where none was printed."""
    code = Source("def one(a):\n" + "    a += 1\n" * 200 + "    return a\n", "a.py")
    item = Item("code", Request((code,), "What does one return?"))
    (tiny,) = rows(methods["longattncomp"], item, bench, "2")
    (small,) = rows(methods["longattncomp"], item, bench, "90")
    for row, bare in ((tiny, True), (small, False)):
        assert row.get("bare", False) is bare
        text = rendered(item, row["spans"], bench.settings.separator, unmarked=bare)
        assert bench.tokenizer.count(text) == row["num_tokens"]
        assert ("cut" in text) is not bare


def test_sharing_a_pass_changes_no_score_and_counts_its_cost(bench, item):
    alone = Workbench(BenchSettings(device="cpu"), [load_checkpoint("untrained")], is_sharing=False)
    wanted = alone.scorer.score(item.request).scores
    for _ in range(2):
        np.testing.assert_allclose(bench.scorer.score(item.request).scores, wanted, rtol=1e-4, atol=1e-7)
    before = bench.shared_seconds
    bench.scorer.score(item.request)
    assert bench.shared_seconds > before
    assert alone.shared_seconds == 0.0


def test_rendering_spans_is_what_selection_rendered(methods, bench):
    """Spans in a report are enough to make the text again, over several sources too."""
    sources = tuple(
        Source("\n".join(f"Line {s}.{i} of the log." for i in range(40)) + "\n" * s) for s in range(4)
    )
    several = Item("several", Request(sources, "Which is line 2.7?"))
    for name in ("longattncomp", "head-tail", "full"):
        scored = methods[name].score(several, bench.chunk(several.request))
        renderer = bench.renderer(several.request, scored.scores)
        selection = select(scored.scores, bench.settings.rule, renderer, 400 if name != "full" else None)
        wanted = renderer.render(selection.kept)
        assert rendered(several, places_of(selection), bench.settings.separator) == wanted


def test_answers_that_stand_anywhere_do_not_count():
    figures = evidence_figures(item_of_text("1", "q", "yes no", [], answers=(("yes",), ("B",))), [], "yes B")
    assert figures == {"recall": None, "complete": None, "answer_kept": None, "iou": None}


def test_pooling_and_chunk_means_by_hand():
    # One head, one step, a spike of 13 at token 20: the average over 13 tokens is 1 from 14 to 26.
    spike = torch.zeros(1, 40)
    spike[0, 20] = 13.0
    smooth = pooled(spike)[0]
    assert smooth.nonzero().flatten().tolist() == list(range(14, 27))
    assert smooth[14:27].tolist() == pytest.approx([1.0] * 13)
    # Maximum over two heads first, then the mean over two steps.
    attention = torch.zeros(1, 2, 2, 40)
    attention[0, 0, 0, 20], attention[0, 1, 0, 20], attention[0, 1, 1, 20] = 13.0, 26.0, 39.0
    assert step_scores(attention)[20] == pytest.approx((2.0 + 3.0) / 2)
    owner = torch.tensor([0, 0, 2])
    assert chunk_means(torch.tensor([1.0, 3.0, 5.0]), owner, 3).tolist() == [2.0, 0.0, 5.0]


@pytest.fixture(scope="module")
def draft_folder(tmp_path_factory):
    """A tiny decoder with random weights and a word tokenizer, saved as a model is."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("draft")
    words = {word: i for i, word in enumerate(["<unk>", *"abcdefghijklmnopqrstuvwxyz", *"0123456789 .?\n"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def draft_method(bench, folder):
    choice = MethodChoice(names=("spec-prefill",), is_explicit=True, spec_model=folder)
    ((method,), _) = build_methods(choice, bench)
    return method


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.filterwarnings("error")  # transformers' own would reach the user
def test_a_draft_model_scores_by_its_attention(bench, draft_folder, tmp_path, framed):
    """Against one plain forward pass over prompt and generated tokens, whose attention says the same."""
    from transformers import AutoModelForCausalLM

    folder = draft_folder
    if framed:
        folder = shutil.copytree(draft_folder, tmp_path / "chat")
        settings = folder / "tokenizer_config.json"
        template = "user 1.{{ messages[0]['content'] }}\nbot 2."
        settings.write_text(json.dumps({**json.loads(settings.read_text()), "chat_template": template}))
    method = draft_method(bench, folder)
    text = "the harbour is deep.\n\nthe lamp burns oil.\n\nthe ferry sails at nine. " * 4
    request = Request((Source(text[:150]), Source(text[150:])), "what burns?")
    scores = method.score(Item("1", request), bench.chunk(request)).scores

    prompt = method._prompt(request)
    ids = prompt.ids
    read = method._tokenizer.decode(ids).replace(" ", "")
    wanted_read = f"{text}\n\n{request.query}\n".replace(" ", "")
    assert read == (f"user1.{wanted_read}\nbot2." if framed else wanted_read)
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    num_prompt = len(ids)
    for _ in range(LOOK_AHEAD - 1):
        ids = [*ids, int(model(torch.tensor([ids])).logits[0, -1].argmax())]
    attentions = torch.stack(model(torch.tensor([ids]), output_attentions=True).attentions)[:, 0]
    rows = attentions[:, :, num_prompt - 1 :, :num_prompt]
    assert rows.shape == (2, 4, LOOK_AHEAD, num_prompt)
    tokens = step_scores(rows / rows.sum(dim=-1, keepdim=True))[prompt.first :][: len(text)]
    # One token a character: each source is cut into chunks of 128 characters.
    edges = [0, 128, *range(150, len(text), 128), len(text)]
    sizes = list(pairwise(edges))
    offsets = [150 * (start >= 150) for start, _ in sizes]
    assert [(c.source, c.start + at, c.end + at) for c, at in zip(scores.chunks, offsets, strict=True)] == [
        (int(start >= 150), start, end) for start, end in sizes
    ]
    wanted = [tokens[start:end].mean().item() for start, end in sizes]
    np.testing.assert_allclose(scores.scores, wanted, rtol=1e-4)


def test_a_prompt_beyond_the_draft_model_is_an_error_of_the_item(bench, draft_folder):
    method = draft_method(bench, draft_folder)
    long = item_of_text("1", "what?", "the lamp burns oil. " * 40, [])
    with pytest.raises(InputError, match="the draft model reads 504"):
        method.score(long, bench.chunk(long.request))


@pytest.fixture(scope="module")
def classifier_folder(tmp_path_factory):
    """A tiny token classifier that keeps what is written with ``k``: label 1 follows from the embedding."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("classifier")
    names = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "keep", "drop", "half"]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("-", "removed")]
    )
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(names),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=512,
        num_labels=2,
    )
    model = BertForTokenClassification(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "position_embeddings" in name or "attention" in name or "dense" in name:
                parameter.zero_()
        model.bert.embeddings.word_embeddings.weight.zero_()
        model.bert.embeddings.word_embeddings.weight[4, 0] = 4.0
        model.bert.embeddings.word_embeddings.weight[5, 1] = 4.0
        model.classifier.weight.zero_()
        model.classifier.weight[1, 0], model.classifier.weight[0, 1] = 1.0, 1.0
        model.classifier.bias.zero_()
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            torch.nn.init.ones_(module.weight)
            torch.nn.init.zeros_(module.bias)
    model.save_pretrained(folder)
    return folder


def test_llmlingua2_keeps_the_words_its_classifier_keeps(bench, classifier_folder):
    choice = MethodChoice(names=("llmlingua2",), is_explicit=True, llmlingua_model=classifier_folder)
    ((method,), _) = build_methods(choice, bench)
    words = ["drop", "keep", "drop-keep", "drop"] * 700
    question = item_of_text("1", "anything?", " " + "  ".join(words) + "\n", [])
    scores = method.score(question, bench.chunk(question.request)).scores
    texts = [question.request.sources[0].text[c.start : c.end] for c in scores.chunks]
    assert "".join(texts) == question.request.sources[0].text
    assert [text.strip() for text in texts] == words
    # 3,500 tokens are seven windows; a word of two tokens has the mean of their probabilities.
    by_word = {word: scores.scores[[w == word for w in words]] for word in set(words)}
    assert all(np.ptp(values) < 1e-5 for values in by_word.values())
    low, high = by_word["drop"][0], by_word["keep"][0]
    assert high > 0.6 > 0.4 > low
    assert by_word["drop-keep"][0] == pytest.approx((low + high) / 2, abs=1e-5)
    (row,) = rows(method, question, bench, "40%")
    assert row["budget_use"] <= 1.0


def test_llmlingua2_without_its_model_says_what_to_name(bench):
    with pytest.raises(ResourceError) as caught:
        build_methods(MethodChoice(names=("llmlingua2",), is_explicit=True), bench)
    assert "--llmlingua-model" in caught.value.hint


def test_bm25_leaves_a_gpus_memory_to_the_models(bench, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "")  # so that it is put back afterwards
    monkeypatch.delenv("JAX_PLATFORMS")
    build_methods(MethodChoice(names=("bm25",), is_explicit=True), bench)
    assert os.environ["JAX_PLATFORMS"] == "cpu"


@pytest.mark.parametrize("name", ["bm25", "dense"])
def test_a_missing_package_is_named_with_its_command(bench, monkeypatch, name):
    packages = {"bm25": "bm25s", "dense": "sentence_transformers"}
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(ResourceError) as caught:
        build_methods(MethodChoice(names=(name,), is_explicit=True), bench)
    assert caught.value.exit_code == 5
    assert "pip install" in caught.value.hint
    built, left_out = build_methods(MethodChoice(names=(name,)), bench)
    assert built == []
    assert packages[name] in left_out[name]


def test_rows_hold_figures_and_no_text(three_rows):
    line = json.dumps(three_rows("longattncomp"))
    assert "Skerrow" not in line
    assert "lamp" not in line
