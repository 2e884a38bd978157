"""Reports: a record for people, as Markdown within a budget, and as one self-contained HTML page."""
