"""Laws of the registry: whatever is enrolled, merged, split, renamed and forgotten, nothing else is lost or mixed."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from typing_extensions import override

from earwitness.archive.people import People
from earwitness.archive.person import Person
from earwitness.errors import BadInput, NotFound
from support.colours import heard

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20)


class Registry(RuleBasedStateMachine):
    """A registry beside a plain model of it: who has which voices, and which ids lead where."""

    idents = Bundle("idents")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.people = People(self.folder / "archive.db")
        self.names: dict[str, str] = {}
        self.voices: dict[str, set[str]] = {}
        self.leads: dict[str, str] = {}
        self.seed = 0

    @override
    def teardown(self) -> None:
        """Check the file and remove it."""
        self.people.close()
        if (self.folder / "archive.db").exists():
            with sqlite3.connect(self.folder / "archive.db") as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            connection.close()
        shutil.rmtree(self.folder)

    @rule(target=idents, name=NAMES, count=st.integers(1, 3))
    def enrol(self, name: str, count: int) -> str:
        """A new person."""
        self.seed += count
        made = self.people.enrol(name, [heard(self.seed - i) for i in range(count)], another=True)
        assert made.id not in self.leads
        self.keep(made)
        self.leads[made.id] = made.id
        return made.id

    @rule(ident=idents)
    def add(self, ident: str) -> None:
        """One more voice."""
        self.seed += 1
        if ident not in self.leads:
            with pytest.raises(NotFound):
                self.people.add(ident, [heard(self.seed)])
            return
        before = self.voices[self.leads[ident]]
        found = self.people.add(ident, [heard(self.seed)])
        assert before < {v.id for v in found.voices}
        self.keep(found)

    @rule(ident=idents, name=NAMES)
    def rename(self, ident: str, name: str) -> None:
        """Another name."""
        if ident not in self.leads:
            with pytest.raises(NotFound):
                self.people.rename(ident, name)
        else:
            self.keep(self.people.rename(ident, name))

    @rule(gone=idents, kept=idents)
    def merge(self, gone: str, kept: str) -> None:
        """Two become one."""
        if gone not in self.leads or kept not in self.leads:
            with pytest.raises(NotFound):
                self.people.merge(gone, kept)
            return
        first, second = self.leads[gone], self.leads[kept]
        if first == second:
            with pytest.raises(BadInput):
                self.people.merge(gone, kept)
            return
        both = self.voices.pop(first) | self.voices[second]
        found = self.people.merge(gone, kept)
        assert (found.id, found.name) == (second, self.names[second])
        assert {v.id for v in found.voices} == both
        del self.names[first]
        self.voices[second] = both
        self.leads = {ident: second if to == first else to for ident, to in self.leads.items()}

    @rule(target=idents, ident=idents, name=NAMES, data=st.data())
    def split(self, ident: str, name: str, data: st.DataObject) -> str:
        """One becomes two, where there are enough voices."""
        if ident not in self.leads:
            with pytest.raises(NotFound):
                self.people.split(ident, ["v_0"], name)
            return ident
        own = self.leads[ident]
        some = data.draw(st.sets(st.sampled_from(sorted(self.voices[own]))))
        if some in (set(), self.voices[own]):
            with pytest.raises(BadInput):
                self.people.split(ident, sorted(some), name)
            return ident
        made = self.people.split(ident, sorted(some), name)
        assert {v.id for v in made.voices} == some
        self.keep(made)
        self.voices[own] -= some
        self.leads[made.id] = made.id
        return made.id

    @rule(ident=consumes(idents))
    def forget(self, ident: str) -> None:
        """A person is gone, with every id that led there, and no byte of their ids is left."""
        if ident not in self.leads:
            with pytest.raises(NotFound):
                self.people.forget(ident)
            return
        own = self.leads[ident]
        assert self.people.forget(ident) is True
        lost = {i for i, to in self.leads.items() if to == own} | self.voices.pop(own)
        del self.names[own]
        self.leads = {i: to for i, to in self.leads.items() if to != own}
        content = b"".join(path.read_bytes() for path in self.folder.iterdir())
        assert not [i for i in lost if i.encode() in content]

    @invariant()
    def the_registry_is_as_the_model_says(self) -> None:
        """Everybody is there once, with their own voices and ids, and nobody else is."""
        everybody = self.people.all()
        assert {p.id: p.name for p in everybody} == self.names
        assert {p.id: {v.id for v in p.voices} for p in everybody} == self.voices
        assert {i: p.id for p in everybody for i in (p.id, *p.merged)} == self.leads
        assert all(p.voices for p in everybody)

    def keep(self, person: Person) -> None:
        """Take over what the registry says of a person; the invariant compares everybody with it."""
        self.names[person.id] = person.name
        self.voices[person.id] = {v.id for v in person.voices}


TestRegistry = Registry.TestCase
TestRegistry.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
