"""What else a model is good for: advice, comparison, documentation, a C header; and the formatter of IDL text.

Rule: tools read the model, never the syntax tree; only `format` reads text.
"""
