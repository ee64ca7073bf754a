"""Models from files: IDL is compiled, JSON of `lrpc model` is read. What every tool of `tools/` starts from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import IdlError, compile_idl
from .finished import dialect_of
from .stubs.stub_file import Options

if TYPE_CHECKING:
    from .model import Model


class BadModel(Exception):
    """JSON that is no model; the message says where, and why."""


def read_model(path: str, options: Options) -> Model:
    """The model of an IDL file, or of a `.json` file that `lrpc model --json` wrote.

    Places of an IDL file stay in the model; JSON has none. Raises IdlError for IDL with errors, BadModel for JSON
    that is no model, OSError for JSON that cannot be read.
    """
    if path.endswith(".json"):
        return _from_json(path)
    found = compile_idl(path, search=options.search, defines=options.defines, dialect=dialect_of(options.dialect))
    if found.model is None:
        raise IdlError(found.errors)
    return found.model


def schema_text() -> str:
    """The JSON schema of models."""
    from .model import Model

    return json.dumps(Model.model_json_schema(), indent=2)


def indented(text: str) -> str:
    """JSON as people read it."""
    return json.dumps(json.loads(text), indent=2)


def _from_json(path: str) -> Model:
    from pydantic import ValidationError

    from .model import Model

    try:
        return Model.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise BadModel(f"{path} is no model: {place}: {first['msg']}") from None
