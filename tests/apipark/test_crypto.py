import pytest

from apipark.crypto import CannotOpen, Peppers, Sealer, parse_keys

OLD, NEW = "1:" + "11" * 32, "2:" + "22" * 32


def test_a_secret_opens_only_for_its_row_and_host() -> None:
    sealer = Sealer(parse_keys([OLD]))
    sealed = sealer.seal("sk-secret", bound_to="providerkey:1:api.example.com")

    assert sealer.open(sealed, bound_to="providerkey:1:api.example.com") == "sk-secret"
    with pytest.raises(CannotOpen):
        sealer.open(sealed, bound_to="providerkey:2:api.example.com")


def test_an_older_master_key_still_opens_and_an_unknown_one_does_not() -> None:
    sealed = Sealer(parse_keys([OLD])).seal("s", bound_to="x")

    assert Sealer(parse_keys([NEW, OLD])).open(sealed, bound_to="x") == "s"
    with pytest.raises(CannotOpen):
        Sealer(parse_keys([NEW])).open(sealed, bound_to="x")


def test_digests_by_every_pepper_begin_with_the_newest() -> None:
    peppers = Peppers(parse_keys([NEW, OLD]))

    assert peppers.digests(b"key") == [peppers.digest(b"key", 2), peppers.digest(b"key", 1)]
    assert peppers.newest == 2


@pytest.mark.parametrize("items", [[], ["1:abcd"], [OLD, OLD], ["x:" + "11" * 32], ["1:zz"]])
def test_bad_keys_are_refused(items: list[str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (int and bytes.fromhex speak for themselves)
        parse_keys(items)
