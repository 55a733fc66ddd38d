"""The prompt layouts of the long-context benchmarks, as data: where the context stands and what asks.

Templates: InfiniteBench (arXiv:2402.13718), LongBench (arXiv:2308.14508), LongBench v2
(arXiv:2412.15204), RULER (arXiv:2404.06654).
"""

from __future__ import annotations

from longattncomp_cli.core.prompts.layouts.layout import Layout

_PASSAGES = ("The following are given passages.\n|", "The following are given documents.\n|")
_ASK_AGAIN = ("\n|Answer the question based on the given ",)

LAYOUTS = (
    # LongBench v2
    Layout(
        name="longbench-v2",
        openings=("Please read the following text", "Please read the following retrieved text chunks"),
        context_from=("<text>\n|", "<text>|"),
        context_to=("|</text>\n\nWhat is the correct answer to this question:", "|</text>"),
        query_from=("What is the correct answer to this question:|",),
        query_to=(
            "|Format your response as follows",
            "|Let’s think step by step",
            "|Let's think step by step",
        ),
    ),
    # InfiniteBench
    Layout(
        name="infinitebench-code-debug",
        openings=(
            "There is ONLY ONE function in the large project",
            "Following is a Python code where exactly one",
        ),
        context_to=("\n|Which funtion has deliberate error?", "\n|Which function has", "\n|Options:\nA. "),
        query_from=("|Which fun", "Options:\n|"),
        query_to=("\n|You should first find the functions", "\n|The correct option is"),
    ),
    Layout(
        name="infinitebench-code-run",
        openings=(
            "Following is a set of Python functions.",
            "There is a function called ",
            "In the file functions_module.py",
        ),
        context_from=("Here is the content of functions_module.py:\n|",),
        context_to=("\n|Please give me the exact number of ", "\n|Please compute the exact value of "),
        query_from=("Please give me the exact number of |", "Please compute |"),
        query_to=("|. Be concise.", "|. Your response ", "|. The value of "),
    ),
    Layout(
        name="infinitebench-longdialogue",
        openings=("Below is a dialogue script where one random occurrence",),
        context_from=("The dialogue:\n\n---\n|",),
        context_to=(
            "|---\n\nEnd of dialogue.",
            "\n|Which character is most likely",
            "\n|The name that has been replaced",
        ),
        query_from=("|Which character is most likely", "|The name that has been replaced"),
        query_to=("| Just say the name",),
    ),
    Layout(
        name="infinitebench-passkey",
        openings=("There is an important info hidden inside",),
        context_to=("\n|What is the pass key", "\n|What is the sequence of digits", "\n|What is the "),
        query_from=("|What is the ",),
        query_to=("\n|The ", "| The "),
    ),
    Layout(
        name="infinitebench-kv-retrieval",
        openings=("Extract the value corresponding to the specified key",),
        context_to=("\n|Key:",),
        query_to=("\n|The value associated",),
    ),
    Layout(
        name="infinitebench-longbook",
        openings=("Read the book", "Read the novel", "请根据以下书籍", "阅读以下书籍"),
        context_to=("\n|Question:", "\n|问题："),
        query_from=("Question:|", "问题：|"),
    ),
    Layout(
        name="infinitebench-longbook-sum",
        openings=("Summarize the following book", "Summarize the book below"),
        context_to=("\n|Summary:",),
        query_in_prefix=True,
    ),
    Layout(
        name="infinitebench-longbook-sum",
        openings=("Summarize the following book", "Summarize the book below"),
        query_in_prefix=True,
    ),
    Layout(
        name="infinitebench-math-find",
        openings=("What is the ", "Find the "),
        context_to=("\n|You should answer with only one number",),
        query_from=("no other words. |", "no other words.|"),
    ),
    # LongBench v1
    Layout(
        name="longbench-narrativeqa",
        openings=("You are given a story,",),
        context_from=("\nStory:|",),
        context_to=("\n|Now, answer the question based on the story",),
        query_from=("Question:|",),
    ),
    Layout(
        name="longbench-qasper",
        openings=("You are given a scientific article and a question.",),
        context_from=("\nArticle:|",),
        context_to=("|Answer the question based on the above article",),
        query_from=("Question:|",),
    ),
    Layout(
        name="longbench-multifieldqa",
        openings=("Read the following text and answer briefly.", "阅读以下文字并用中文简短回答"),
        context_to=("\n|Now, answer the following question", "\n|现在请基于上面的文章"),
        query_from=("Question:|", "问题：|"),
    ),
    Layout(
        name="longbench-dureader",
        openings=("请基于给定的文章回答下述问题",),
        context_from=("文章：|",),
        context_to=("\n|请基于上述文章",),
        query_from=("问题：|",),
    ),
    Layout(
        name="given-passages",
        openings=(
            "Answer the question based on the given passages.",
            "Answer the question based on the given documents.",
        ),
        context_from=_PASSAGES,
        context_to=_ASK_AGAIN,
        query_from=("Question:|",),
    ),
    Layout(
        name="longbench-qmsum",
        openings=("You are given a meeting transcript and a query",),
        context_from=("\nTranscript:|",),
        context_to=("\n|Now, answer the query based on",),
        query_from=("Query:|",),
    ),
    Layout(
        name="longbench-summary",
        openings=("You are given a report by a government agency.", "You are given several news passages."),
        context_from=("\nReport:|", "\nNews:|"),
        context_to=("\n|Now, write a one-page summary",),
        query_from=("Now, |",),
        query_to=("\n|Summary:",),
    ),
    Layout(
        name="longbench-vcsum",
        openings=("下面有一段会议记录",),
        context_from=("会议记录：\n|",),
        context_to=("\n|会议总结：",),
        query_in_prefix=True,
        query_from=("请你阅读后，|",),
        query_to=("\n|会议记录：",),
    ),
    Layout(
        name="longbench-trec",
        openings=("Please determine the type of the question below.",),
        context_to=("\n|Question:",),
        query_from=("Question:|",),
        query_to=("\n|Type:",),
    ),
    Layout(
        name="longbench-triviaqa",
        openings=("Answer the question based on the given passage. Only give me",),
        context_to=("\n|Passage:",),
        query_from=("\nQuestion:|",),
    ),
    Layout(
        name="longbench-samsum",
        openings=("Summarize the dialogue into a few short sentences.",),
        context_to=("\n|Dialogue:",),
        query_from=("Dialogue:|",),
        query_to=("\n|Summary:",),
    ),
    Layout(
        name="longbench-lsht",
        openings=("请判断给定新闻的类别",),
        context_to=("\n|新闻内容：",),
        query_from=("新闻内容：|",),
        query_to=("\n|类别：",),
    ),
    Layout(
        name="longbench-passage-count",
        openings=("There are some paragraphs below sourced from Wikipedia.",),
        context_to=("\n|Please enter the final count of unique paragraphs",),
        query_in_prefix=True,
        query_from=("carefully read these paragraphs and |",),
        query_to=("| In other words",),
    ),
    Layout(
        name="longbench-passage-retrieval",
        openings=("Here are 30 paragraphs from Wikipedia", "以下是若干段落文字"),
        context_to=("\n|The following is an abstract.", "\n|下面是一个摘要"),
        query_from=("The following is an abstract.|", "下面是一个摘要|"),
        query_to=("\n|Please enter the number of the paragraph", "\n|请输入摘要所属段落的编号"),
    ),
    Layout(
        name="longbench-code-completion",
        openings=("Please complete the code given below.",),
        context_to=("|Next line of code:",),
        kept_lines=10,
    ),
    # RULER
    Layout(
        name="ruler-niah",
        openings=("Some special magic ", "A special magic "),
        context_to=("\n|What are all the special magic ", "\n|What is the special magic "),
        query_to=("| mentioned in the provided text",),
    ),
    Layout(
        name="ruler-variable-tracking",
        openings=("Memorize and track the chain(s) of variable assignment",),
        context_to=("\n|Question: Find all variables",),
        query_from=("Question:|",),
        query_to=("| in the text above",),
    ),
    Layout(
        name="ruler-common-words",
        openings=("Below is a numbered list of words.",),
        context_to=("\n|Question: What are the ",),
        query_from=("Question:|",),
        query_to=("| in the above list",),
    ),
    Layout(
        name="ruler-frequent-words",
        openings=("Read the following coded text and track the frequency",),
        context_from=("most frequently appeared coded words.|",),
        context_to=("\n|Question: Do not provide any explanation.",),
        query_from=("|What are the three most",),
        query_to=("| in the above coded text",),
    ),
)
