"""Columns that tell who somebody is: recognised by header and cells, in five languages, never shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

# Distinct cells that are looked at, and the share of them that must fit.
LOOKED_AT = 2_000
SHARE = 0.8
FEWEST_NUMBERS = 5
# Numbers of so many digits are none of a phone, a card or an account.
TOO_LARGE = 1e18

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]{2,}")
_PHONE = re.compile(r"\+?[\d\s().\-/]{6,24}")
_INTERNATIONAL = re.compile(r"(\+|00)\d[\d\s().\-/]{6,20}|\(\d{2,4}\)\s?\d[\d\s.\-]{4,14}|1[3-9]\d{9}")
_LETTER = re.compile(r"[^\W\d_]")
# "Surname, Given", with or without a title.
_SURNAME_FIRST = re.compile(r"[^\W\d_][^\d,;:@/]{0,40}, ?[^\W\d_][^\d,;:@/]{0,60}")
_STREET = re.compile(r"\d.*[^\W\d_]|[^\W\d_].*\d|[路街号村]")


def name_words(name: str) -> tuple[str, ...]:
    """Words of a header, without case, accents, joints and the digits behind them: ``FirstName_2`` is first, name."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    plain = "".join(one for one in unicodedata.normalize("NFKD", parted) if not unicodedata.combining(one))
    words = re.findall(r"[^\W_]+", plain.casefold())
    return tuple(word.rstrip("0123456789") or word for word in words)


def says(name: str, phrases: tuple[str, ...]) -> bool:
    """Whether a header holds one of the phrases, as words, as one word, or (Chinese) anywhere."""
    words = name_words(name)
    text = " ".join(words)
    return any(
        phrase in text if not phrase.isascii() else f" {phrase} " in f" {text} " or phrase.replace(" ", "") in words
        for phrase in phrases
    )


@dataclass(frozen=True)
class Recogniser:
    """A kind of personal data.

    Attributes
    ----------
    what
        In words, for people.
    headers
        Phrases in a header that call it so.
    fits
        Whether a cell can be it, where the header says so; ``None`` takes the header's word for it.
    alone
        Whether a cell is it whatever the header says; ``None`` where no cell proves it.
    others
        Phrases in a header by which it is something else.
    """

    what: str
    headers: tuple[str, ...]
    fits: Callable[[str], bool] | None
    alone: Callable[[str], bool] | None = None
    others: tuple[str, ...] = ()
    fewest: int = 1


def _phone_like(cell: str) -> bool:
    return bool(_PHONE.fullmatch(cell)) and 7 <= sum(one.isdigit() for one in cell) <= 15


def _card_like(cell: str) -> bool:
    """Thirteen to nineteen digits whose last one checks the others (ISO/IEC 7812, Luhn)."""
    digits = re.sub(r"[ -]", "", cell)
    if not (digits.isascii() and digits.isdigit() and 13 <= len(digits) <= 19) or digits[0] == "0":
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def _account_like(cell: str) -> bool:
    """An IBAN: country, two check digits, account (ISO 13616)."""
    code = cell.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", code):
        return False
    return int("".join(str(int(one, 36)) for one in code[4:] + code[:4])) % 97 == 1


def _person_like(cell: str) -> bool:
    return bool(_LETTER.search(cell)) and not any(one.isdigit() for one in cell) and len(cell) <= 80


RECOGNISERS = (
    Recogniser(
        "e-mail addresses",
        ("email", "e mail", "mail", "correo", "courriel", "邮箱", "邮件"),
        lambda cell: bool(_EMAIL.fullmatch(cell)),
        lambda cell: bool(_EMAIL.fullmatch(cell)),
    ),
    Recogniser("numbers of bank accounts", ("iban",), _account_like, _account_like),
    Recogniser(
        "numbers of credit cards",
        ("credit card", "card number", "card no", "kreditkarte", "carte bancaire", "tarjeta", "银行卡", "卡号"),
        _card_like,
        _card_like,
        fewest=FEWEST_NUMBERS,
    ),
    Recogniser(
        "phone numbers",
        (
            *("phone", "telephone", "tel", "mobile", "cell", "cellphone", "fax", "whatsapp", "msisdn"),
            *("telefon", "handy", "rufnummer", "portable", "telefono", "movil", "celular", "电话", "手机"),
        ),
        _phone_like,
        lambda cell: bool(_INTERNATIONAL.fullmatch(cell)),
    ),
    Recogniser(
        "names of persons",
        (
            *(
                "first name",
                "last name",
                "surname",
                "given name",
                "family name",
                "middle name",
                "full name",
                "forename",
            ),
            *("customer name", "client name", "contact name", "employee name", "patient name"),
            *("person name", "member name", "buyer name", "recipient name", "billing name", "shipping name"),
            *("vorname", "nachname", "familienname", "kundenname", "prenom", "nom de famille", "nom client"),
            *("apellido", "apellidos", "nombre completo", "nombre cliente", "姓名", "名字", "姓氏"),
        ),
        _person_like,
    ),
    Recogniser(
        "names that users gave themselves",
        (
            "user name",
            "nick name",
            "screen name",
            "login",
            "benutzername",
            "pseudo",
            "usuario",
            "昵称",
            "用户名",
            "会员名",
        ),
        lambda cell: bool(_LETTER.search(cell)) and len(cell) <= 80,
        others=("count", "number", "type", "date", "time", "last"),
    ),
    Recogniser("names of persons", ("name", "nom", "nombre"), lambda cell: bool(_SURNAME_FIRST.fullmatch(cell))),
    Recogniser(
        "postal addresses",
        (
            *("address", "street", "addr", "adresse", "anschrift", "strasse", "rue", "direccion", "calle", "domicilio"),
            *("地址", "住址"),
        ),
        lambda cell: bool(_STREET.search(cell)) and len(cell) >= 5,
        others=("ip", "mac", "web", "url", "type", "count"),
    ),
)


def personal_data(name: str, values: pd.Series) -> str | None:
    """What kind of personal data a column holds, in words; ``None`` where it holds none that is recognised.

    Parameters
    ----------
    values
        Cells as text, or whole numbers; missing ones do not count.
    """
    cells = _distinct(values)
    for one in RECOGNISERS:
        named = says(name, one.headers) and not says(name, one.others)
        test = one.fits if named else one.alone
        if test is not None and len(cells) >= one.fewest and sum(map(test, cells)) >= SHARE * len(cells):
            return one.what
    return None


def _distinct(values: pd.Series) -> list[str]:
    """Some distinct cells as text, spread over the column."""
    found = values.dropna()
    if pd.api.types.is_float_dtype(found.dtype):
        if not len(found) or (found % 1 != 0).any() or found.abs().max() >= TOO_LARGE:
            return []
        found = found.astype("int64")
    cells = found.drop_duplicates()
    return cells.iloc[:: max(1, len(cells) // LOOKED_AT)].astype("str").str.strip().tolist()
