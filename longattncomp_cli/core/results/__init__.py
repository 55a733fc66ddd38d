"""What a run gives back: values, warnings, the JSON report, the heat-map page.

Enters: a request, its scores and its selection. Leaves: values for Python, and JSON and HTML for files.
"""
