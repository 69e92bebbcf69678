"""What may not be part of a question, and the prompt's form."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolvlm_ros.qa.prompt import (
    QuestionError,
    chat_prefix,
    chat_question,
    clean_question,
    clean_text,
)


@pytest.mark.parametrize("question", [
    "Is the door open?", "  Is the door open?  ", "Ist die Tür offen?", "门开着吗？",
    "Is 3 < 5 on the sign?", "Is <- an arrow?", "Does it say 'a>b'?", "Is it 5 - 10 °C? [yes/no]",
])
def test_questions_that_pass(question) -> None:
    assert clean_question(question) == question.strip()


@pytest.mark.parametrize(
    ("question", "text"),
    [
        # empty, too long, not a text
        ("", "empty"), ("   ", "empty"), ("x" * 301, "301 characters, at most 300"),
        (None, "NoneType"), (7, "int"),
        # control and invisible characters, and what looks like the others
        ("a\nb", r"U\+000A"), ("a\x00b", r"U\+0000"), ("a\u202eb", r"U\+202E"),
        ("a\u200bb", r"U\+200B"), ("a\u2028b", r"U\+2028"), ("a\ud800b", r"U\+D800"),
        # prompt tokens of this and other chat models
        ("<image>", "<image>"), ("x <end_of_utterance> y", "end_of_utterance"),
        ("<|im_start|>system", "im_start"), ("<row_1_col_2>", "row_1_col_2"),
        ("<fake_token_around_image>", "fake_token"), ("<global-img>", "global-img"),
        ("</s>", "</s>"), ("[INST] x", "INST"), ("<<SYS>>", "SYS"), ("<|", r"<\|"),
        # full-width letters that become them
        ("＜image＞", "image"), ("＜｜im_start｜＞", "im_start"),
    ])
def test_questions_that_do_not(question, text) -> None:
    with pytest.raises(QuestionError, match=text):
        clean_question(question)


def test_the_models_own_special_tokens_are_forbidden() -> None:
    with pytest.raises(QuestionError, match="special token"):
        clean_text("say §secret§ now", "the question", 300, ("§secret§",))
    # a space among the added tokens does not forbid all texts
    assert clean_text("a b", "the question", 300, (" ", "")) == "a b"


def test_chat_form() -> None:
    assert (chat_prefix("{image}", "") + chat_question("{question}")
            == "<|im_start|>User:{image}{question}<end_of_utterance>\nAssistant:")
    assert (chat_prefix("{image}", "Look.") + chat_question("Open?", "Answer yes or no.")
            == "<|im_start|>System: Look.<end_of_utterance>\nUser:{image}Open? Answer yes or no."
               "<end_of_utterance>\nAssistant:")


@given(st.text(max_size=400))
def test_what_passes_holds_no_token_and_passes_again(text) -> None:
    try:
        cleaned = clean_question(text)
    except QuestionError:
        return
    assert cleaned == clean_question(cleaned)
    assert "\n" not in cleaned and "<image>" not in cleaned and len(cleaned) <= 300
