"""Certificates of our own: when they end is read from them, and a renewed one is taken."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.certificates import Pair, make, openssl

from agentgate_server.sockets.certificate import (
    DAY_S,
    Certificate,
    CertificateError,
    Validity,
    doubt_of,
    stage_of,
    validity_in,
    validity_of,
)


def told_by_openssl(path: Path) -> Validity:
    out = openssl(path.parent, "x509", "-in", str(path), "-noout", "-dates")
    times = [line.partition("=")[2] for line in out.splitlines()]
    at = [datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC) for text in times]
    return Validity(at[0].timestamp(), at[1].timestamp())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.mark.parametrize("days", [1, 90, 3_650, 40_000])  # the last one ends after 2049
def test_the_times_are_those_that_openssl_reads(folder: Path, days: int) -> None:
    path = make(folder, f"d{days}", days)
    found = validity_of(path.read_bytes())
    assert found == told_by_openssl(path)
    assert found.ends_at - found.starts_at == days * DAY_S


def test_other_forms_of_a_file_are_read_too(folder: Path) -> None:
    first, second = make(folder, "first", 5), make(folder, "second", 6)
    before = (folder / "first.key").read_bytes() + b"some words\r\n"
    chain = before + first.read_bytes().replace(b"\n", b"\r\n") + second.read_bytes()
    assert validity_of(chain) == told_by_openssl(first)
    text = openssl(folder, "x509", "-in", "first.pem", "-text").encode()
    assert validity_of(text) == told_by_openssl(first)
    rsa = folder / "rsa.pem"
    openssl(
        folder,
        *("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-days", "7", "-subj", "/CN=x"),
        *("-keyout", "rsa.key", "-out", "rsa.pem", "-addext", "subjectAltName=DNS:x"),
    )
    assert validity_of(rsa.read_bytes()) == told_by_openssl(rsa)


def test_what_is_no_certificate_has_no_times(folder: Path) -> None:
    path = make(folder, "whole", 5)
    whole = path.read_bytes()
    for bad in (b"", b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----", whole[:-30]):
        with pytest.raises(ValueError, match="certificate"):
            validity_of(bad)
    assert validity_in(folder / "nowhere.pem") is None
    assert validity_in(folder / "whole.key") is None
    assert validity_in(path) == told_by_openssl(path)


@given(st.binary(max_size=80) | st.binary(max_size=10).map(lambda tail: b"\x30\x82\x01" + tail))
def test_any_bytes_have_times_or_not(data: bytes) -> None:
    pem = b"-----BEGIN CERTIFICATE-----%b-----END CERTIFICATE-----" % b64encode(data)
    with pytest.raises(ValueError, match="certificate"):
        validity_of(pem)


def test_each_flipped_byte_of_a_certificate_is_borne(folder: Path) -> None:
    import ssl

    der = bytearray(ssl.PEM_cert_to_DER_cert(make(folder, "flip", 5).read_text()))
    for place in range(120):
        for flip in (0x01, 0x80, 0xFF):
            der[place] ^= flip
            pem = b"-----BEGIN CERTIFICATE-----%b-----END CERTIFICATE-----" % b64encode(der)
            with suppress(ValueError):
                assert isinstance(validity_of(pem), Validity)
            der[place] ^= flip


NOON = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("lives_days", "left_days", "words"),
    [
        (90, 90, ""),
        (90, 21.01, ""),
        (90, 20.99, "the certificate ends in 20 days, on 2026-12-20 11:45 UTC: renew it"),
        (90, 1.5, "ends in 1 day, on"),
        (90, 0.5, "ends in less than a day, on"),
        (90, 0, "the certificate ended on 2026-11-29 12:00 UTC: clients refuse it"),
        (90, -700, "ended on 2024-12-29"),
        (6, 2.01, ""),
        (6, 1.99, "ends in 1 day"),
        (90, 91, "is good from 2026-11-30 12:00 UTC on: is this machine's clock right?"),
    ],
)
def test_an_end_is_warned_of_while_there_is_time(
    lives_days: float, left_days: float, words: str
) -> None:
    ends_at = NOON + left_days * DAY_S
    said = doubt_of(Validity(ends_at - lives_days * DAY_S, ends_at), NOON)
    assert said == "" if not words else words in said


@pytest.mark.parametrize(
    ("lives_days", "left_days", "stage"),
    [
        *((90, 30, 0), (90, 21, 0), (90, 20.9, 1), (90, 6.9, 2), (90, 0.9, 3), (90, 0, 4)),
        *((90, 91, 4), (6, 2.01, 0), (6, 1.9, 1), (6, 0.6, 2), (6, 0.09, 3), (6, -1, 4)),
    ],
)
def test_it_is_more_urgent_the_nearer_the_end_is(
    lives_days: float, left_days: float, stage: int
) -> None:
    ends_at = NOON + left_days * DAY_S
    assert stage_of(Validity(ends_at - lives_days * DAY_S, ends_at), NOON) == stage


def test_a_renewed_certificate_is_taken_and_a_bad_one_is_not(tmp_path: Path) -> None:
    make(tmp_path, "old", 5)
    make(tmp_path, "new", 50)
    pair = Pair(tmp_path)
    pair.put("old")
    served = Certificate(pair.cert, pair.key)
    assert served.validity == told_by_openssl(tmp_path / "old.pem")
    before = served.context
    pair.put("new", key_name="old")
    with pytest.raises(CertificateError, match=r"cannot use .*belong together"):
        served.renew()
    assert (served.context, served.validity) == (before, told_by_openssl(tmp_path / "old.pem"))
    pair.put("new")
    served.renew()
    assert served.context is not before
    assert served.validity == told_by_openssl(tmp_path / "new.pem")
    pair.cert.unlink()
    with pytest.raises(CertificateError, match="No such file"):
        served.renew()
