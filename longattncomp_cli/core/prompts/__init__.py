"""Whole prompts: where their context and their query stand, and chats as one text."""
