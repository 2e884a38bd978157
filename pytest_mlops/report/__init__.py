"""Reports of a record: Markdown within a size budget and one self-contained HTML page."""
