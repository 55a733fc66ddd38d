"""Rows in, one report out: tables with intervals, environment and commands, as JSON and as a page."""
