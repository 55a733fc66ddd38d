"""What a passage points to by its name, and what takes back an earlier one."""
