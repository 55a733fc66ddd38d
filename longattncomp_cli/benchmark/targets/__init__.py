"""Target models: any endpoint that speaks the OpenAI protocol."""
