"""Rows in, answers out: a target model reads what each method kept, over the OpenAI protocol."""
