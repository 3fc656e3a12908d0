"""The assistant's history: per user, complete, bounded."""

import asyncio
from typing import Any

import pytest

from gradio_ui.demos import assistant, chat_history
from sessionstate import UserState

pytestmark = pytest.mark.usefixtures("memory_store")


async def stored(user: str) -> list[chat_history.Exchange]:
    state = UserState(user)
    await state.aload()
    return chat_history.exchanges(state)


async def say(user: str, message: str) -> list[str]:
    """Everything that the answer to this message streams, from a state of its own as in a tab."""
    state = UserState(user)
    await state.aload()
    return [text async for text in assistant.reply(message, [], state)]


async def test_an_answer_grows_and_is_stored_with_its_question() -> None:
    pieces = await say("1", "  How do I sign out everywhere?  ")
    assert len(pieces) > 3
    assert all(
        later.startswith(earlier) for earlier, later in zip(pieces, pieces[1:], strict=False)
    )
    (exchange,) = await stored("1")
    assert exchange["question"] == "How do I sign out everywhere?"
    assert exchange["answer"] == pieces[-1]
    assert exchange["status"] == "done"


async def test_ten_tabs_at_once_lose_no_message() -> None:
    questions = [f"What is a ticket? {number}" for number in range(10)]
    answers = await asyncio.gather(*(say("2", question) for question in questions))
    exchanges = await stored("2")
    assert sorted(e["question"] for e in exchanges) == questions
    assert {e["answer"] for e in exchanges} == {pieces[-1] for pieces in answers}


async def test_users_have_histories_of_their_own() -> None:
    await say("3", "What is a ticket?")
    assert await stored("4") == []


async def test_an_answer_that_is_stopped_is_kept_as_far_as_it_came() -> None:
    state = UserState("5")
    await state.aload()
    answer: Any = assistant.reply("How do I sign out everywhere?", [], state)
    shown = [await anext(answer) for _ in range(2)]
    await answer.aclose()
    (exchange,) = await stored("5")
    assert exchange["answer"] == shown[-1]
    assert exchange["status"] == "stopped"


async def test_a_chat_that_was_cleared_during_an_answer_stays_clear() -> None:
    state = UserState("6")
    await state.aload()
    answer: Any = assistant.reply("What is a ticket?", [], state)
    await anext(answer)
    other_tab = UserState("6")
    await chat_history.clear(other_tab)
    assert [text async for text in answer]
    assert await stored("6") == []


async def test_an_empty_message_stores_nothing() -> None:
    import gradio as gr

    with pytest.raises(gr.Error, match="write a question"):
        await say("7", " \n ")
    assert await stored("7") == []


async def test_a_very_long_message_is_cut() -> None:
    await say("8", "x" * 100_000)
    (exchange,) = await stored("8")
    assert len(exchange["question"]) == assistant.MAX_QUESTION


async def test_undo_and_retry_remove_the_last_answer_to_that_question() -> None:
    for question in ("What is a ticket?", "What is atomic?", "What is a ticket?"):
        await say("9", question)
    state = UserState("9")
    await chat_history.drop_last(state, "What is a ticket?")
    assert [e["question"] for e in await stored("9")] == ["What is a ticket?", "What is atomic?"]
    await chat_history.drop_last(state, "never asked")
    assert len(await stored("9")) == 2


async def test_retry_does_not_remove_the_answer_that_is_being_written() -> None:
    await say("10", "What is a ticket?")
    state = UserState("10")
    await state.aload()
    answer: Any = assistant.reply("What is a ticket?", [], state)
    await anext(answer)
    await chat_history.drop_last(UserState("10"), "What is a ticket?")
    async for _ in answer:
        pass
    (exchange,) = await stored("10")
    assert exchange["status"] == "done" and exchange["answer"]


def exchange(question: str, answer: str, status: chat_history.Status = "done") -> Any:
    return {"id": question, "question": question, "answer": answer, "status": status}


def test_the_history_is_bounded_in_number_and_size() -> None:
    many = [exchange(str(number), "a") for number in range(250)]
    assert chat_history.bounded(many) == many[-chat_history.MAX_EXCHANGES :]
    long = [exchange(str(number), "a" * 50_000) for number in range(10)]
    assert chat_history.bounded(long) == long[-3:]
    huge = [exchange("1", "a" * 500_000)]
    assert chat_history.bounded(huge) == huge


def test_a_model_sees_the_recent_conversation_without_failures() -> None:
    exchanges = [
        exchange("first", "one"),
        exchange("second", "The language model is busy.", "failed"),
        exchange("third", "thr", "stopped"),
        exchange("fourth", "", "open"),
    ]
    assert chat_history.as_context(exchanges) == [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "third"},
        {"role": "assistant", "content": "thr"},
    ]
    long = [exchange(str(number), "a" * 10_000) for number in range(10)]
    assert [m["content"] for m in chat_history.as_context(long)[::2]] == ["8", "9"]


def test_a_question_that_was_never_answered_is_shown_as_such() -> None:
    shown = chat_history.as_chat([exchange("lost?", "", "open")])
    assert [m["role"] for m in shown] == ["user", "assistant"]
    assert "not answered" in shown[1]["content"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("plain", "plain"), ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab")],
)
def test_the_text_of_a_message_is_found_in_both_of_gradio_s_forms(value: Any, text: str) -> None:
    assert assistant.text_of(value) == text


async def test_the_previous_question_gives_a_follow_up_its_meaning() -> None:
    async def last(message: str) -> str:
        return (await say("11", message))[-1]

    assert "nothing about that" in await last("And after that?")
    await last("When does a session expire?")
    assert "How long a session lasts" in await last("And after that?")
