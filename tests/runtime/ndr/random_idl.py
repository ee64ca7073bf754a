"""Random IDL text: interfaces with types and operations of every form, for `test_random_idl.py`.

Declarations are written from the bottom: a type is named in what comes behind it. A type with a conformant end can
only stand behind a pointer or at the end of a structure, and is kept apart.
"""

from __future__ import annotations

import random
from collections.abc import Callable

SCALARS = (
    *("boolean", "byte", "char", "small", "unsigned small", "short", "unsigned short", "wchar_t", "float", "double"),
    *("long", "unsigned long", "int", "hyper", "unsigned hyper", "__int3264", "unsigned __int3264", "error_status_t"),
)
COUNTS = ("short", "unsigned short", "long", "unsigned long", "small", "unsigned small")
POINTERS = ("unique", "ref", "ptr")


class Interface:
    """Draws the text of one interface with `chance`."""

    def __init__(self, chance: random.Random, types: int = 6, operations: int = 3) -> None:
        self.chance = chance
        self.serial = 0
        self.plain = list(SCALARS)
        self.conformant: list[str] = []
        self.declared: list[str] = []
        for _ in range(types):
            forms = (self.structure, self.structure, self.union, self.enumeration, self.chain, self.tailed)
            self.chance.choice(forms)()
        self.operations = [self.operation() for _ in range(operations)]

    def text(self) -> str:
        """The file."""
        default = self.chance.choice(POINTERS)
        head = f"[uuid(0d6c6a3e-9a52-4d3c-8b61-2f5b8e6f7a13), version(1.0), pointer_default({default})]"
        return "\n".join((head, "interface drawn {", *self.declared, *self.operations, "}\n"))

    def name(self, letter: str) -> str:
        self.serial += 1
        return f"{letter}{self.serial}"

    def type(self) -> str:
        """One that has its whole size in itself; the newer ones more often."""
        newer = self.plain[len(SCALARS) :]
        return self.chance.choice(newer if newer and self.chance.random() < 0.6 else self.plain)

    # Types

    def structure(self) -> None:
        self.declare(self.plain, "struct", self.members())

    def tailed(self) -> None:
        """A structure that ends in a conformant array, or in one that does."""
        if self.conformant and self.chance.random() < 0.4:
            end = f"{self.chance.choice(self.conformant)} {self.name('m')};"
        else:
            count, array = self.name("n"), self.name("m")
            end = f"{self.chance.choice(COUNTS)} {count}; {self.sized(count)} {self.type()} {array}[];"
        self.declare(self.conformant, "struct", [*self.members(), end])

    def chain(self) -> None:
        """A list, or a tree."""
        name, value, following, other = (self.name(letter) for letter in "Tmmm")
        links = f"[unique] struct {name} *{following};"
        if self.chance.random() < 0.5:
            links += f" [unique] struct {name} *{other};"
        self.declared.append(f"    typedef struct {name} {{ {self.type()} {value}; {links} }} {name};")
        self.plain.append(name)

    def enumeration(self) -> None:
        width = self.chance.choice(("", "[v1_enum] "))
        name = self.name("E")
        self.declared.append(f"    typedef {width}enum {{ {name}_A, {name}_B = 5, {name}_C }} {name};")
        self.plain.append(name)

    def union(self) -> None:
        """Encapsulated: it can stand anywhere; the other kind only beside its tag, and so inside a structure."""
        name, tag = self.name("U"), self.chance.choice(("short", "unsigned long", "small", "long"))
        arms = [f"{self.type()} {self.name('a')};", f"[unique] {self.type()} *{self.name('a')};", ";"]
        default = self.chance.choice(("", " default: ;", f" default: {self.type()} {self.name('a')};"))
        if self.chance.random() < 0.5:
            cases = " ".join(f"case {value}: {arm}" for value, arm in zip((1, 2, 7), arms, strict=True))
            self.declared.append(
                f"    typedef union switch ({tag} {self.name('k')}) {self.name('u')} {{ {cases}{default} }} {name};"
            )
        else:
            cases = " ".join(f"[case({value})] {arm}" for value, arm in zip((1, 2, 7), arms, strict=True))
            default = default.replace("default:", "[default]")
            attributes = f"switch_type({tag})" + self.chance.choice(("", ", ms_union"))
            self.declared.append(f"    typedef [{attributes}] union {{ {cases}{default} }} {name}_arms;")
            members = f"{tag} tag; [switch_is(tag)] {name}_arms chosen;"
            self.declared.append(f"    typedef struct {{ {members} }} {name};")
        self.plain.append(name)

    def declare(self, known: list[str], word: str, members: list[str]) -> None:
        name = self.name("T")
        self.declared.append(f"    typedef {word} {{ {' '.join(members)} }} {name};")
        known.append(name)

    # Members

    def members(self) -> list[str]:
        forms: tuple[Callable[[], str], ...] = (
            *(self.one, self.one, self.fixed, self.pointer, self.pointer),
            *(self.string, self.sized_pointer, self.windowed, self.bounded, self.varying),
        )
        return [self.chance.choice(forms)() for _ in range(self.chance.randint(1, 4))]

    def one(self) -> str:
        return f"{self.type()} {self.name('m')};"

    def fixed(self) -> str:
        bounds = self.chance.choice(("[3]", "[1]", "[2][3]", "[17]"))
        return f"{self.type()} {self.name('m')}{bounds};"

    def pointer(self) -> str:
        target = self.chance.choice([*self.conformant, self.type(), self.type()])
        return f"[{self.chance.choice(POINTERS)}] {target} *{self.name('m')};"

    def string(self) -> str:
        unit = self.chance.choice(("char", "wchar_t"))
        if self.chance.random() < 0.3:
            return f"[string] {unit} {self.name('m')}[9];"
        return f"[string, {self.chance.choice(POINTERS)}] {unit} *{self.name('m')};"

    def sized(self, count: str) -> str:
        forms = (f"size_is({count})", f"size_is({count} * 2)", f"size_is({count} + 1)", f"max_is({count})")
        return f"[{self.chance.choice(forms)}]"

    def sized_pointer(self) -> str:
        count, element = self.name("n"), self.type()
        sized = self.sized(count).replace("]", f", {self.chance.choice(POINTERS)}]")
        limits = self.chance.choice(("", "[range(0, 9)] "))
        return f"{limits}{self.chance.choice(COUNTS)} {count}; {sized} {element} *{self.name('m')};"

    def windowed(self) -> str:
        """Conformant and varying: the room, and how much of it is used."""
        room, used = self.name("n"), self.name("n")
        kind = self.chance.choice(COUNTS)
        attributes = f"size_is({room} + {used}), length_is({used}), unique"
        return f"{kind} {room}; {kind} {used}; [{attributes}] {self.type()} *{self.name('m')};"

    def bounded(self) -> str:
        return f"[range(0, 4)] {self.chance.choice(COUNTS)} {self.name('m')};"

    def varying(self) -> str:
        used = self.name("n")
        return f"[range(0, 4)] short {used}; [length_is({used})] {self.type()} {self.name('m')}[4];"

    # Operations

    def operation(self) -> str:
        forms = (self.simple, self.behind, self.text_parameter, self.array, self.answered, self.given_out)
        parameters = [self.chance.choice(forms)() for _ in range(self.chance.randint(1, 4))]
        returned = self.chance.choice(("void", "long", "hyper", "error_status_t", "boolean"))
        return f"    {returned} {self.name('Op')}({', '.join(parameters)});"

    def simple(self) -> str:
        return f"[in] {self.type()} {self.name('p')}"

    def behind(self) -> str:
        target = self.chance.choice([*self.conformant, self.type()])
        pointer = self.chance.choice(("ref", "ref", "unique", "ptr"))
        return f"[{self.chance.choice(('in', 'in, out'))}, {pointer}] {target} *{self.name('p')}"

    def text_parameter(self) -> str:
        unit = self.chance.choice(("char", "wchar_t"))
        if self.chance.random() < 0.3:
            return f"[out, string] {unit} **{self.name('p')}"
        return f"[in, string, {self.chance.choice(('ref', 'unique'))}] {unit} *{self.name('p')}"

    def array(self) -> str:
        count = self.name("n")
        return f"[in] {self.chance.choice(COUNTS)} {count}, [in, size_is({count})] {self.type()} {self.name('p')}[]"

    def answered(self) -> str:
        """The request says how much room there is, the response how much is used."""
        room, used = self.name("n"), self.name("n")
        array = f"[out, size_is({room}), length_is(*{used})] {self.type()} {self.name('p')}[]"
        return f"[in, range(0, 9)] long {room}, [out, range(0, 9)] long *{used}, {array}"

    def given_out(self) -> str:
        count = self.name("n")
        if self.chance.random() < 0.5:
            return f"[out] {self.type()} *{self.name('p')}"
        return f"[out] unsigned long *{count}, [out, size_is(, *{count})] {self.type()} **{self.name('p')}"
