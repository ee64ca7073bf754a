"""The codec by construct has the codec's signatures, and says the same."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.by_construct import ByConstruct, type_by_construct
from lrpc.runtime.ndr.compiler import Codec, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import ConformantArray, Encoding, Long, Parameters, UniquePtr

IN = Parameters("n" / Long)
OUT = Parameters("data" / ConformantArray(Long, this.n))


def test_a_type_is_written_and_read_as_the_compiled_codec_does(encoding: Encoding) -> None:
    layout = UniquePtr(Long)
    slow, fast = type_by_construct(layout, encoding), compiled_type(layout, encoding)
    octets = b"".join(slow.encode((7,)))
    assert octets == b"".join(fast.encode((7,)))
    assert slow.decode(memoryview(octets)) == fast.decode(octets) == (7,)


@pytest.mark.parametrize("kind", [ByConstruct, Codec])
def test_values_of_the_other_direction_give_sizes(kind: type[Codec]) -> None:
    codec = kind(OUT, IN, Encoding.NDR)
    assert codec.decode(b"".join(codec.encode(([1, 2],), (2,))), (2,)) == ([1, 2],)
    with pytest.raises(NdrError, match="data"):
        codec.decode(bytes.fromhex("020000000100000002000000"), (3,))
