"""Every method and task side by side: retrieval figures, target models, reports."""
