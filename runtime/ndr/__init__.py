"""NDR: values to octets and back.

The map: a *layout* (`layout.py`) says what a type looks like on the wire; correlation *expressions*
(`expression.py`) stand in it; two readers walk it, construct (`reference.py`) and the codec compiler
(`compiler.py`); `json_form.py` gives values a form that can be typed; `errors.py` is how all fail.
"""
