"""What the help of a command says beside its options: how it ends, and where options come from."""

EXIT_STATUS = (
    "Exit status: 0 done; 2 usage; 3 input or output files, or records that failed; 4 checkpoint or "
    "backbone; 5 a model, vocabulary, device or disk space is missing; 6 the budget cannot hold what must "
    "be kept; 130 interrupted."
)
SOURCES_OF_OPTIONS = (
    "Options can also be set in the environment, such as LONGATTNCOMP_BUDGET=4000, and in a file "
    "(--config, and --show-config to make one). A flag wins over the environment, and that over the file."
)
OVERVIEW = """Keep the parts of a long context which a query needs, within a token budget.

Data goes to standard output, messages to standard error."""
EXAMPLES = f"""Examples:

  longattncomp compress notes.txt -q "Who approved the budget?" -b 4000

  longattncomp score src/ -q "Where is the retry limit set?" --html page.html

  longattncomp --version --verbose

{EXIT_STATUS}
"""


def epilog(examples: str) -> str:
    """Examples of ``score`` or ``compress``, and what holds for both."""
    return f"{examples.rstrip()}\n\n{SOURCES_OF_OPTIONS}\n\n{EXIT_STATUS}\n"
