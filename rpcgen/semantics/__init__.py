"""A syntax tree to the model: names get their meaning, attributes land where they belong, rules are checked."""
