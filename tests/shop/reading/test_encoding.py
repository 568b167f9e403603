from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

import pytest
from sources import read_bytes, values_of

from purchasing_power.shop.reading import plain_text
from purchasing_power.shop.reading.encoding import Chunks, decoded, find_encoding

CHINESE = "商品,评论\n苹果手机,屏幕很好，运行流畅\n电脑,送货快\n"
GERMAN = "Kunde,Ort\n1,München\n2,Königstraße, Köln\n3,Österreich für 5 €\n"
FRENCH = "texte;note\nC'était très bien, livraison à l'heure, qualité parfaite;5\nDéçu, échangé sans problème;3\n"
SPANISH = "año,señor\n¿Cuánto cuesta?,España\nniño,canción\n"
ENGLISH = "Description\nCafé set £5\nPink “retro” spot – small\n"

TEXTS = [
    (CHINESE, ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "utf-32")),
    ("user,city\n1,上海\n2,北京\n", ("gb18030",)),
    ("品牌,标题\nNIKE,【正品】鑫淼旗舰店 耐克 Air Max 90 男鞋\n", ("gb18030",)),
    (GERMAN, ("utf-8", "utf-16", "cp1252", "mac_roman")),
    (FRENCH, ("utf-8", "cp1252", "latin-1", "mac_roman")),
    (SPANISH, ("cp1252", "mac_roman")),
    (ENGLISH, ("cp1252", "mac_roman")),
    ("id,city\n1,Köln\n", ("cp1252",)),
    ("STADT\nKÖLN\nMÜNCHEN\n", ("cp1252", "mac_roman")),
    ("miasto\nŁódź\nKraków\nGdańsk\n", ("cp1250",)),
    ("товар,цена\nмолоко,5\nхлеб с маслом,6\n", ("cp1251",)),
    ("商品名,価格\nりんごジュース,100\nノートパソコン,200\n", ("cp932",)),
    ("상품,리뷰\n사과,배송이 빠르고 좋아요\n", ("cp949",)),
]


def chunks_of(data: bytes, size: int) -> Chunks:
    def read() -> Iterator[bytes]:
        return (data[start : start + size] for start in range(0, len(data), size))

    return read


@pytest.mark.parametrize("text, encoding", [(text, name) for text, names in TEXTS for name in names])
def test_the_encoding_of_a_short_text_is_found(text: str, encoding: str) -> None:
    chunks = chunks_of(text.encode(encoding), 1 << 20)
    assert "".join(decoded(chunks, find_encoding(chunks))) == text


@pytest.mark.parametrize("size", [5, 6, 7])
def test_a_character_cut_by_the_reading_buffer_is_no_error(size: int) -> None:
    text = "a,b\n" + "很好用😀" * 9
    for data in (text.encode(), text.encode("utf-16"), codecs.BOM_UTF8 + text.encode()):
        chunks = chunks_of(data, size)
        assert "".join(decoded(chunks, find_encoding(chunks))) == text


def test_a_byte_at_the_end_of_a_long_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_text, "_CHUNK", 1000)
    source = read_bytes(tmp_path, "a.csv", b"id,t\n" + b"1,plain\n" * 5000 + "2,Köln\n".encode("cp1252"))
    assert values_of(source)[-1] == ("2", "Köln")
    assert source.notes == ("a.csv: read as Windows-1252",)


def test_a_few_broken_characters_do_not_change_the_encoding_and_are_counted(tmp_path: Path) -> None:
    for encoding in ("utf-8", "gb18030"):
        data = b"t\n" + "很好用的手机\n".encode(encoding) * 50 + b"\xff\n"
        source = read_bytes(tmp_path, "a.csv", data)
        assert values_of(source)[:50] == [("很好用的手机",)] * 50
        assert any("1 places are no" in note for note in source.notes)


def test_what_was_read_other_than_plain_utf8_is_told(tmp_path: Path) -> None:
    source = read_bytes(tmp_path, "orders.csv", CHINESE.replace(",", ";").encode("gb18030"))
    assert source.notes == ('orders.csv: read as GB18030, fields separated by ";"',)
    assert values_of(source)[1] == ("电脑", "送货快")
