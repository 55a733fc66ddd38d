"""What several test files need: the program run as a user runs it, texts, records."""
