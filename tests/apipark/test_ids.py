import uuid

from hypothesis import given
from hypothesis import strategies as st

from apipark import ids


@given(st.integers(0, 2**47 * 1000))
def test_a_call_id_is_a_uuid_of_version_7_that_holds_its_time(time_us: int) -> None:
    made = ids.new_call_id(time_us)

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == time_us // 1000


@given(st.uuids())
def test_a_request_id_leads_back_to_its_call(call: uuid.UUID) -> None:
    assert ids.call_id(ids.request_id(call)) == call


def test_what_is_no_request_id_is_none() -> None:
    good = ids.request_id(uuid.UUID(int=1))
    assert [
        ids.call_id(text) for text in ("", "req_", good[:-1], good + "0", good.replace("0", "u", 1), "req_" + "z" * 26)
    ] == [None] * 6


def test_refs_carry_their_kind_and_differ() -> None:
    refs = {ids.new_ref("sub") for _ in range(1000)}
    assert len(refs) == 1000
    assert all(ref.startswith("sub_") and len(ref) == 20 for ref in refs)
