"""A belt between two threads: everything arrives in order, and whoever fails first is heard."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.belt import DEPTH, Belt

BLOCKS = st.lists(st.binary(max_size=20), max_size=3 * DEPTH)


@given(BLOCKS)
def test_what_is_written_is_read_in_order(blocks: list[bytes]) -> None:
    taken: list[bytes] = []
    belt = Belt()

    def empty() -> None:
        taken.extend(iter(belt.read, b""))

    with belt.emptied_by(empty):
        for block in blocks:
            belt.write(block)

    assert b"".join(taken) == b"".join(blocks)


@given(BLOCKS)
def test_what_another_thread_fills_is_read_to_its_end(blocks: list[bytes]) -> None:
    belt = Belt()

    def fill() -> None:
        for block in blocks:
            belt.write(block)

    with belt.filled_by(fill):
        read = b"".join(iter(belt.read, b""))

    assert read == b"".join(blocks)


def no_space(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_reader_that_fails_stops_the_writer_and_says_why() -> None:
    belt = Belt()

    def empty() -> None:
        belt.read()
        no_space()

    def write() -> None:
        with belt.emptied_by(empty):
            for _ in itertools.count():  # without end: it has to be told
                belt.write(b"block")

    with pytest.raises(OSError, match="No space"):
        write()


def test_a_writer_that_fails_is_not_mistaken_for_one_that_ended() -> None:
    belt, read = Belt(), list[bytes]()

    def fill() -> None:
        belt.write(b"some")
        no_space()

    def take() -> None:
        with belt.filled_by(fill):
            read.extend(iter(belt.read, b""))

    with pytest.raises(OSError, match="No space"):
        take()
    assert read == [b"some"]


def test_the_fault_of_the_block_is_not_hidden_by_what_it_leads_to() -> None:
    belt = Belt()

    def empty() -> None:
        if len(list(iter(belt.read, b""))) < 2:
            raise ValueError("cut off")

    def write() -> None:
        with belt.emptied_by(empty):
            belt.write(b"one")
            no_space()

    with pytest.raises(OSError, match="No space"):
        write()


def test_who_fills_a_belt_that_is_abandoned_is_let_go() -> None:
    belt = Belt()

    def fill() -> None:
        for _ in itertools.count():
            belt.write(b"block")

    def take() -> None:
        with belt.filled_by(fill):
            belt.read()
            no_space()

    with pytest.raises(OSError, match="No space"):
        take()
