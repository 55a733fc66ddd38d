"""The heat map: one self-contained HTML page that shows what was scored and kept."""
