"""Memory that two ends share: sections and their views; and memory that one reaches in the other: direct access."""
