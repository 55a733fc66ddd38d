# ruff: noqa: E501 (prompts are quoted as they are)
"""A prompt splits into kept text and context without a character lost; the query stays in the kept text."""

import json
import re

import pytest

from longattncomp_cli.core.inputs.messages import flatten_messages, prompt_text
from longattncomp_cli.core.prompts.parser import ParsedPrompt, parse_prompt
from longattncomp_cli.errors import InputError, UsageError

LOREM = (
    "The tower at Skerrow was lit in 1871. Its first keeper, Ada Renn, kept a log in green ink.\n\n"
    "In 1903 the lamp was changed to paraffin vapour, and the fog signal to a siren driven by air.\n\n"
    "The last keeper left in 1986, with two cats and the barometer."
)
CODE = "def load(path):\n    return open(path).read()\n\n\ndef save(path, text):\n    open(path, 'w').write(text)"


def word_starts(text):
    return [found.start() for found in re.finditer(r"\S+", text)]


def parse(text, parser="auto", tail_tokens=8):
    return parse_prompt(text, parser=parser, tail_tokens=tail_tokens, token_starts=word_starts)


def check_laws(prompt: str, parsed: ParsedPrompt) -> None:
    start, end = parsed.context.start, parsed.context.end
    assert 0 <= start < end <= len(prompt)
    prefix, context, suffix = prompt[:start], prompt[start:end], prompt[end:]
    assert prefix + context + suffix == prompt
    assert parsed.query.strip()
    for line in parsed.query.splitlines():
        assert line.strip() in prefix or line.strip() in suffix


# (layout, what stands before the context, the context, what stands after it, the query)
CASES = [
    (
        "longbench-v2",
        "Please read the following text and answer the question below.\n\n<text>\n",
        LOREM,
        "\n</text>\n\nWhat is the correct answer to this question: Who kept the first log?\nChoices:\n"
        "(A) Ada Renn\n(B) a cat\n(C) nobody\n(D) the board\n\n"
        'Format your response as follows: "The correct answer is (insert answer here)".',
        "Who kept the first log?\nChoices:\n(A) Ada Renn\n(B) a cat\n(C) nobody\n(D) the board",
    ),
    (
        "longbench-v2",
        "Please read the following text and answer the questions below.\n\n<text>\n",
        LOREM,
        "\n</text>\n\nWhat is the correct answer to this question: Who left last?\nChoices:\n(A) x\n(B) y\n(C) z\n(D) w\n\n"
        "Let’s think step by step:",
        "Who left last?\nChoices:\n(A) x\n(B) y\n(C) z\n(D) w",
    ),
    (
        "infinitebench-code-debug",
        "There is ONLY ONE function in the large project that is deliberately made to include an obvious error. "
        "Please find the function that contains the most obvious errors.\n\n",
        CODE,
        "\n\nWhich funtion has deliberate error?\nA. load\nB. save\nC. io.copy\nD. io.move\n\n"
        "You should first find the functions in the options. Repeat their content.",
        "Which funtion has deliberate error?\nA. load\nB. save\nC. io.copy\nD. io.move",
    ),
    (
        "infinitebench-code-debug",
        "Following is a Python code where exactly one of the functions/methods has a deliberate error.\n\n",
        CODE,
        "\n\nOptions:\nA. load\nB. save\nC. io.copy\nD. io.move\n\nThe correct option is:",
        "A. load\nB. save\nC. io.copy\nD. io.move",
    ),
    (
        "infinitebench-code-run",
        "Following is a set of Python functions. There is a function called named func_3.\n\n",
        CODE,
        "\n\nPlease give me the exact number of the return value of func_3(-7). Be concise. "
        "Your response must end with the final returned value.",
        "the return value of func_3(-7)",
    ),
    (
        "infinitebench-code-run",
        "In the file functions_module.py, there is a function called $func_3.\n\n\n"
        "Here is the content of functions_module.py:\n",
        CODE,
        "\n\nPlease give me the exact number of the return value of func_3(4). Your response should end with the "
        "sentence 'The return value is:'.",
        "the return value of func_3(4)",
    ),
    (
        "infinitebench-code-run",
        "There is a function called func_3 in the following Python code.\n\n",
        CODE,
        "\n\nPlease compute the exact value of func_3(4). The value of func_3(4) is",
        "the exact value of func_3(4)",
    ),
    (
        "infinitebench-longdialogue",
        "Below is a dialogue script where one random occurrence of a character name is replaced with "
        '"$$MASK$$", and you should try to guess who that character is.\n\nThe dialogue:\n\n---\n\n',
        "RENN: Light it.\n\n$$MASK$$: It is lit.",
        '\n\n---\n\nEnd of dialogue.\n\nWhich character is most likely "$$MASK$$"? Just say the name used by the '
        "scriptwriter.",
        'Which character is most likely "$$MASK$$"?',
    ),
    (
        "infinitebench-passkey",
        "There is an important info hidden inside a lot of irrelevant text. Find it and memorize them. I will quiz "
        "you about the important information there.\n\n",
        "The grass is green. The pass key is 71432. The sky is blue.",
        "\n\nWhat is the pass key?\n\nThe pass key is",
        "What is the pass key?",
    ),
    (
        "infinitebench-passkey",
        "There is an important info hidden inside a lot of irrelevant text. Find it.\n\n",
        "The grass is green. The sequence of digits is 7143200. The sky is blue.",
        "\nWhat is the sequence of digits?\nThe sequence of digits is",
        "What is the sequence of digits?",
    ),
    (
        "infinitebench-kv-retrieval",
        "Extract the value corresponding to the specified key in the JSON object below.\n\n",
        'JSON data:\n{"3f2a": "99bc", "17de": "04aa"}',
        '\n\nKey: "17de"\nThe value associated with the specified key is: ',
        'Key: "17de"',
    ),
    (
        "infinitebench-longbook",
        "Read the book below and answer a question.\n\n",
        LOREM,
        "\n\nQuestion: Which ink did she use?\n\nBe very concise.",
        "Which ink did she use?",
    ),
    (
        "infinitebench-longbook",
        "Read the book and answer the question.\n\n",
        LOREM,
        "\n\nQuestion: Who left last?\n\nOnly one of the following options is correct, tell me the answer using one "
        "single letter (A, B, C, or D). Don't say anything else.\nA. the cook\nB. the keeper\nC. Ada\nD. Bo",
        "Who left last?\n\nA. the cook\nB. the keeper\nC. Ada\nD. Bo",
    ),
    (
        "infinitebench-longbook",
        "请根据以下书籍回答我的问题。\n\n",
        "灯塔建于一八七一年。第一任守塔人用绿色墨水写日志。",
        "\n\n问题：谁写了日志？\n请尽量简短地回答。",
        "谁写了日志？",
    ),
    (
        "infinitebench-longbook-sum",
        "Summarize the book below.\n\n",
        LOREM,
        "\n\nSummary:",
        "Summarize the book below.",
    ),
    (
        "infinitebench-longbook-sum",
        "Summarize the following book.\n\n",
        LOREM,
        "",
        "Summarize the following book.",
    ),
    (
        "infinitebench-math-find",
        "What is the largest number in the following list?\n\n",
        "[14, 3, 98, 77, 5]",
        "\n\nYou should answer with only one number, no other words. The largest number of the list is: ",
        "The largest number of the list is:",
    ),
    (
        "longbench-narrativeqa",
        "You are given a story, which can be either a novel or a movie script, and a question.\n\nStory: ",
        LOREM,
        "\n\nNow, answer the question based on the story as concisely as you can.\n\n"
        "Question: Who had two cats?\n\nAnswer:",
        "Who had two cats?",
    ),
    (
        "longbench-qasper",
        "You are given a scientific article and a question. Answer the question.\n\nArticle: ",
        LOREM,
        "\n\n Answer the question based on the above article as concisely as you can.\n\n"
        "Question: Which signal was used?\n\nAnswer:",
        "Which signal was used?",
    ),
    (
        "longbench-multifieldqa",
        "Read the following text and answer briefly.\n\n",
        LOREM,
        "\n\nNow, answer the following question based on the above text, only give me the answer.\n\n"
        "Question: When was it lit?\nAnswer:",
        "When was it lit?",
    ),
    (
        "longbench-dureader",
        "请基于给定的文章回答下述问题。\n\n文章：",
        "灯塔建于一八七一年。",
        "\n\n请基于上述文章回答下面的问题。\n\n问题：灯塔建于何时？\n回答：",
        "灯塔建于何时？",
    ),
    (
        "given-passages",
        "Answer the question based on the given passages. Only give me the answer and do not output any other "
        "words.\n\nThe following are given passages.\n",
        "Passage 1:\nSkerrow\n" + LOREM,
        "\n\nAnswer the question based on the given passages. Only give me the answer and do not output any other "
        "words.\n\nQuestion: Where did Ada Renn work?\nAnswer:",
        "Where did Ada Renn work?",
    ),
    (
        "given-passages",
        "Answer the question based on the given documents. Only give me the answer and do not output any other "
        "words.\n\nThe following are given documents.\n\n",
        "Document 1:\n" + LOREM,
        "\n\nAnswer the question based on the given documents. Only give me the answer and do not output any other "
        "words.\n\nQuestion: Who left in 1986? Answer:",
        "Who left in 1986?",
    ),
    (
        "longbench-qmsum",
        "You are given a meeting transcript and a query containing a question or instruction.\n\nTranscript:\n",
        "Renn: The lamp is late.\nBo: It comes on Friday.",
        "\n\nNow, answer the query based on the above meeting transcript in one or more sentences.\n\n"
        "Query: Summarize what was said about the lamp.\nAnswer:",
        "Summarize what was said about the lamp.",
    ),
    (
        "longbench-summary",
        "You are given a report by a government agency. Write a one-page summary of the report.\n\nReport:\n",
        LOREM,
        "\n\nNow, write a one-page summary of the report.\n\nSummary:",
        "write a one-page summary of the report.",
    ),
    (
        "longbench-summary",
        "You are given several news passages. Write a one-page summary of all news. \n\nNews:\n",
        LOREM,
        "\n\nNow, write a one-page summary of all the news.\n\nSummary:",
        "write a one-page summary of all the news.",
    ),
    (
        "longbench-vcsum",
        "下面有一段会议记录，请你阅读后，写一段总结，总结会议的内容。\n会议记录：\n",
        "主席：灯还没有到。",
        "\n\n会议总结：",
        "写一段总结，总结会议的内容。",
    ),
    (
        "longbench-trec",
        "Please determine the type of the question below. Here are some examples of questions.\n\n",
        "Question: Who lit it ?\nType: Individual\nQuestion: When ?\nType: Date",
        "\nQuestion: Where is Skerrow ?\nType:",
        "Where is Skerrow ?",
    ),
    (
        "longbench-triviaqa",
        "Answer the question based on the given passage. Only give me the answer and do not output any other words. "
        "The following are some examples.\n\n",
        "Passage:\nIt was lit in 1871.\nQuestion:\nWhen?\nAnswer:\n1871",
        "\n\nPassage:\nIt was left in 1986.\nQuestion:\nWhen was it left?\nAnswer:\n",
        "When was it left?",
    ),
    (
        "longbench-samsum",
        "Summarize the dialogue into a few short sentences. The following are some examples.\n\n",
        "Dialogue: A: Hi.\nB: Ho.\nSummary: They greet.",
        "\n\nDialogue: Bo: The lamp is here.\nRenn: Good.\nSummary: ",
        "Bo: The lamp is here.\nRenn: Good.",
    ),
    (
        "longbench-passage-count",
        "There are some paragraphs below sourced from Wikipedia. Some of them may be duplicates. Please carefully "
        "read these paragraphs and determine how many unique paragraphs there are after removing duplicates. In "
        "other words, how many non-repeating paragraphs are there in total?\n\n",
        LOREM,
        "\n\nPlease enter the final count of unique paragraphs after removing duplicates. The final answer is: ",
        "determine how many unique paragraphs there are after removing duplicates.",
    ),
    (
        "longbench-passage-retrieval",
        "Here are 30 paragraphs from Wikipedia, along with an abstract. Please determine which paragraph the "
        "abstract is from.\n\n",
        "Paragraph 1: " + LOREM,
        "\n\nThe following is an abstract.\n\nA keeper wrote in green.\n\nPlease enter the number of the paragraph "
        'that the abstract is from. The answer format must be like "Paragraph 1".\n\nThe answer is: ',
        "A keeper wrote in green.",
    ),
    (
        "ruler-niah",
        "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you "
        "about the numbers afterwards.\n",
        LOREM + "\nOne of the special magic numbers for wide-tern is: 8410276.",
        "\nWhat are all the special magic numbers for wide-tern mentioned in the provided text? The special magic "
        "numbers for wide-tern mentioned in the provided text are",
        "What are all the special magic numbers for wide-tern",
    ),
    (
        "ruler-variable-tracking",
        "Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n",
        "VAR QX = 12345 " + LOREM + " VAR ZP = VAR QX",
        "\nQuestion: Find all variables that are assigned the value 12345 in the text above. Answer: According to",
        "Find all variables that are assigned the value 12345",
    ),
    (
        "ruler-common-words",
        "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones "
        "that appear most often.\n",
        "1. gull 2. tern 3. gull",
        "\nQuestion: What are the 10 most common words in the above list? Answer: The top 10 words",
        "What are the 10 most common words",
    ),
    (
        "ruler-frequent-words",
        "Read the following coded text and track the frequency of each coded word. Find the three most frequently "
        "appeared coded words. ",
        "... qxz ... vbn ... qxz",
        "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. What are the three most "
        "frequently appeared words in the above coded text? Answer: According to the coded text above",
        "What are the three most frequently appeared words",
    ),
    (
        "tagged",
        "Use the document.\n\n<document>\n",
        LOREM,
        "\n</document>\n\nList the years in which something changed.\n\nAnswer:",
        "List the years in which something changed.",
    ),
    ("tagged", "Who left in 1986?\n<context>", LOREM, "</context>", "Who left in 1986?"),
    ("question-last", "", LOREM, "\n\nQuestion: Who wrote in green ink?", "Who wrote in green ink?"),
    (
        "question-last",
        "You are given a history. Answer from it.\n\n",
        LOREM,
        "\n\n**Question:** Who wrote\nin green ink?\nA) Ada\nB) Bo\n\nAnswer:",
        "Who wrote\nin green ink?\nA) Ada\nB) Bo",
    ),
    ("question-last", "", LOREM, "\n\nquestion: who wrote in green ink?", "who wrote in green ink?"),
    ("question-first", "Question: Who wrote in green ink?\n\n", LOREM, "", "Who wrote in green ink?"),
    ("question-first", "Question: Who wrote in green?\n", LOREM, "\n\nAnswer:", "Who wrote in green?"),
    (
        "question-first",
        "Answer the following question about the text below.\n\nWho wrote in green ink?\n\n",
        LOREM,
        "",
        "Who wrote in green ink?",
    ),
    (
        "question-first",
        "Answer the following question: who wrote in green ink?\n\n",
        LOREM,
        "",
        "who wrote in green ink?",
    ),
    (
        "question-first",
        "Explain the changes of the lamp in the following text.\n\n",
        LOREM,
        "",
        "Explain the changes of the lamp in the following text.",
    ),
    ("last-paragraph", "", LOREM, "\n\nWhich signal came in 1903?", "Which signal came in 1903?"),
    ("last-paragraph", "", LOREM, "\nWhich signal came in 1903?\n", "Which signal came in 1903?"),
    (
        "last-paragraph",
        "",
        LOREM,
        "\n\nSummarize the history of the lamp.",
        "Summarize the history of the lamp.",
    ),
    ("last-paragraph", "", LOREM, "\n\n守塔人何时离开？", "守塔人何时离开？"),
    ("first-paragraph", "Which signal came in 1903?\n\n", LOREM, "", "Which signal came in 1903?"),
]


@pytest.mark.parametrize(("layout", "before", "context", "after", "query"), CASES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_each_layout_is_split_where_its_template_says(layout, before, context, after, query, line_end):
    before, context, after, query = (part.replace("\n", line_end) for part in (before, context, after, query))
    prompt = before + context + after
    parsed = parse(prompt)
    assert parsed.parser == f"auto:{layout}"
    assert prompt[parsed.context.start : parsed.context.end] == context
    assert parsed.query == query
    check_laws(prompt, parsed)


def test_code_completion_asks_with_the_last_ten_lines():
    lines = [f"value_{i} = compute({i})" for i in range(40)]
    prompt = "Please complete the code given below. \n" + "\n".join(lines) + "\nNext line of code:\n"
    parsed = parse(prompt)
    assert parsed.parser == "auto:longbench-code-completion"
    assert prompt[parsed.context.start : parsed.context.end] == "\n".join(lines[:30])
    assert parsed.query == "\n".join(lines[30:])
    check_laws(prompt, parsed)


CHATS = {
    "chatml": "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n{}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s>[INST] {} [/INST]",
    "gemma": "<bos><start_of_turn>user\n{}<end_of_turn>\n<start_of_turn>model\n",
    "phi": "<|user|>\n{}<|end|>\n<|assistant|>\n",
    "vicuna": "A chat between a user and an assistant. USER: {} ASSISTANT:",
}


@pytest.mark.parametrize("markup", CHATS)
def test_a_prompt_inside_chat_markup_is_split_as_outside(markup):
    prompt = CHATS[markup].format(f"{LOREM}\n\nQuestion: Who wrote in green ink?")
    parsed = parse(prompt)
    assert parsed.parser == f"auto:{markup}+question-last"
    assert prompt[parsed.context.start : parsed.context.end] == LOREM
    assert parsed.query == "Who wrote in green ink?"
    check_laws(prompt, parsed)


def test_a_system_block_of_llama_2_is_kept():
    prompt = f"[INST] <<SYS>>\nBe kind.\n<</SYS>>\n\n{LOREM}\n\nWho wrote in green ink? [/INST]"
    parsed = parse(prompt)
    assert prompt[parsed.context.start : parsed.context.end] == LOREM
    assert parsed.query == "Who wrote in green ink?"


def test_the_last_user_message_asks_about_a_longer_one_before_it():
    messages = [
        {"role": "system", "content": f"You are an archivist. Use this record.\n\n{LOREM}"},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello, what do you need?"},
        {"role": "user", "content": [{"type": "text", "text": "The ink of the log, please"}]},
    ]
    prompt = flatten_messages(messages)
    parsed = parse(prompt)
    assert parsed.parser == "auto:chatml"
    assert prompt[parsed.context.start : parsed.context.end] == LOREM
    assert parsed.query == "The ink of the log, please"
    check_laws(prompt, parsed)


def test_messages_given_as_json_text_become_the_same_prompt():
    messages = [{"role": "user", "content": f"{LOREM}\n\nQuestion: Who wrote in green ink? 🙂"}]
    text = json.dumps(messages)
    assert prompt_text(text) == flatten_messages(messages)
    assert parse(prompt_text(text)).query == "Who wrote in green ink? 🙂"
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "no-query"


@pytest.mark.parametrize("text", ["[1, 2]", '[{"a": 1}]', "[{broken", LOREM, '[{"role": "user"}]', ""])
def test_other_text_is_no_chat(text):
    assert prompt_text(text) is text


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": 3}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}],
        [{"role": "a\nb", "content": "x"}],
        [{"role": 5, "content": "x"}],
    ],
)
def test_messages_of_another_shape_are_refused(messages):
    with pytest.raises(InputError) as caught:
        flatten_messages(messages)
    assert caught.value.code == "bad-field"


NO_QUERY = {
    "prose": LOREM,
    "prose that ends in speech": LOREM + '\n\n"Who goes there?"',
    "code": CODE,
    "code with a question field": "class Item:\n    query: str\n    question: str\n\n\nQ = 3\n",
    "answered questions": f"{LOREM}\n\nQ: Who wrote?\nA: Ada Renn.\n\nQuestion: When?\nAnswer: In 1871.",
    "a heading that asks": f"# What is a lighthouse?\n\n{LOREM}",
    "code about tags": "def svg():\n    return '<text>' + x\n\n\ndef end():\n    return '</text>' + y\n",
    "json": '{"name": "Skerrow", "lit": 1871}',
    "chat without a question": f"<|im_start|>user\n{LOREM}<|im_end|>\n",
    "chat without a user": f"<|im_start|>system\n{LOREM}<|im_end|>\n",
    "one line": "The tower at Skerrow was lit in 1871.",
}


@pytest.mark.parametrize("name", NO_QUERY)
def test_text_that_asks_nothing_has_no_query(name):
    with pytest.raises(InputError) as caught:
        parse(NO_QUERY[name])
    assert caught.value.code == "no-query"
    assert "--query-parser tail" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \r\n\t",
        "Question: Who wrote in green ink?",
        "Who wrote in green ink?",
        "<text>\n</text>\n\nWho wrote in green ink?",
        "Please read the following text and answer the question below.\n\n<text>\n\n</text>\n\n"
        "What is the correct answer to this question: Who?\nChoices:\n(A) a\n(B) b\n",
        "<|im_start|>user\nWho wrote in green ink?<|im_end|>\n<|im_start|>assistant\n",
    ],
)
def test_a_query_without_context_is_an_empty_context(text):
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "empty-context"


@pytest.mark.parametrize("tail_tokens", [1, 3, 8])
@pytest.mark.parametrize("end", ["", "\n", "  \r\n\r\n"])
def test_tail_takes_the_last_tokens(tail_tokens, end):
    prompt = "é 東京 🙂 " + LOREM + end
    parsed = parse(prompt, "tail", tail_tokens)
    assert parsed.parser == "tail"
    assert parsed.query == " ".join(prompt.split()[-tail_tokens:])
    assert parsed.context.start == 0
    check_laws(prompt, parsed)


def test_tail_reads_only_the_end_of_a_long_text_and_agrees_with_reading_all():
    lengths = []

    def starts(text):
        lengths.append(len(text))
        return word_starts(text)

    prompt = " ".join(f"word{i}" for i in range(50_000))
    parsed = parse_prompt(prompt, parser="tail", tail_tokens=5, token_starts=starts)
    assert parsed.query == "word49995 word49996 word49997 word49998 word49999"
    assert max(lengths) < 1_000
    prompt = "word " * 10 + "x" * 50_000
    assert parse(prompt, "tail", 1).query == "x" * 50_000


def test_tail_longer_than_the_text_leaves_no_context():
    with pytest.raises(InputError) as caught:
        parse("three short words", "tail", 3)
    assert caught.value.code == "empty-context"
    with pytest.raises(UsageError):
        parse("three short words", "tail", 0)


@pytest.mark.parametrize("body", ["Ünïcödé", "東京の灯台", "🙂🙃", "a\u0301\u200d\u202e"])
def test_offsets_count_characters_not_bytes(body):
    context = f"{body} stands here.\n\n" * 20
    prompt = f"{context}\n\nQuestion: Where does {body} stand?\n"
    parsed = parse(prompt)
    assert prompt[parsed.context.start : parsed.context.end] == context.strip()
    assert parsed.query == f"Where does {body} stand?"


HOSTILE = [
    " ", "\n", "\r\n", "\n ", " \n\n", "?", "?\n\n", "Q:", "Q: \n", "Question: ", "Question:\n\n", "Answer:\n\n",
    "Answer:\n", "<text>", "</text>", "<text></text>", "[INST] ", "<|im_start|>user\n", "<|im_end|>", "USER: ",
    "answer question ", "the following ", "A) \n", "[{", "a", "\u3000", "Please read the following text\n",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
@pytest.mark.parametrize(
    "wrap", ["{}", "Question: x\n{}", "<|im_start|>user\n{}", "Answer the question. {}\nAnswer:"]
)
def test_half_a_megabyte_of_anything_is_parsed_or_refused_quickly(unit, wrap):
    prompt = wrap.format(unit * (500_000 // len(unit)))
    try:
        parsed = parse(prompt)
    except InputError as error:
        assert error.code in {"no-query", "empty-context"}
    else:
        check_laws(prompt, parsed)
