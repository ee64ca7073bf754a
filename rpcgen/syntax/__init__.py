"""IDL text to a syntax tree: preprocessing, words, the grammar. Nothing here knows what a name means."""
