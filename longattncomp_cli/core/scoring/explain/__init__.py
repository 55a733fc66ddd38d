"""Why a chunk has its score: the words that count in the first pass, and what the second hop adds."""
