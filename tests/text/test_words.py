from __future__ import annotations

import subprocess
import sys

from purchasing_power.text.words import tokens, words


def test_english_is_split_lower_case_without_stop_words() -> None:
    assert tokens("The Milk is NOT fresh, and I don't like it.") == ["milk", "not", "fresh", "don't", "like"]


def test_stop_words_and_marks_can_be_kept() -> None:
    text = "The Milk is NOT fresh, and I don't like it! 这件衣服的质量很好?"
    kept = ["the", "milk", "is", "not", "fresh", "and", "i", "don't", "like", "it", "!"]
    assert list(words(text, all_words=True)) == [*kept, "这件", "衣服", "的", "质量", "很", "好", "?"]
    assert list(words(text)) == ["milk", "not", "fresh", "don't", "like", "这件", "衣服", "质量", "好"]


def test_numbers_are_kept_with_their_decimal_mark() -> None:
    assert tokens("2% milk 1,5 l 12oz") == ["2", "milk", "1,5", "l", "12oz"]


def test_chinese_is_segmented_without_stop_words() -> None:
    assert tokens("这件衣服的质量很好") == ["这件", "衣服", "质量", "好"]


def test_a_mixed_text_is_segmented_run_by_run() -> None:
    assert tokens("Nike运动鞋 很舒服 size 42") == ["nike", "运动鞋", "舒服", "size", "42"]


def test_an_emoji_is_one_word_whatever_its_skin_tone() -> None:
    assert tokens("好👍🏽good👍") == ["好", "👍", "good", "👍"]
    assert tokens("😀😀!") == ["😀", "😀"]


def test_full_width_forms_equal_plain_ones() -> None:
    assert tokens("ＡＢＣ１２") == tokens("abc12")


def test_empty_and_punctuation_have_no_words() -> None:
    assert tokens("") == tokens("  \n\t") == tokens("…—!?") == []


def test_a_long_text_is_split_to_its_end() -> None:
    assert tokens("word " * 2000 + "last")[-1] == "last"


def test_a_caller_cannot_change_what_is_remembered() -> None:
    tokens("red shoes").append("blue")
    assert words("red shoes") == ("red", "shoes")


def test_jieba_is_loaded_for_chinese_alone_and_says_and_writes_nothing(tmp_path) -> None:
    code = (
        "import sys; from purchasing_power.text.words import tokens; tokens('red shoes');"
        "assert 'jieba' not in sys.modules; tokens('红色的鞋'); assert 'jieba' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    assert not list(tmp_path.iterdir())
