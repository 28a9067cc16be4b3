"""Did it say yes? The vendor's own sentences and objects, and those that are likely."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klearstack_async.errors import DecodeError, Rejected
from klearstack_async.models import BoxText, Confirmation
from klearstack_async.wire.confirmation import answer_in, confirmation_decoder, decode_box_text
from klearstack_async.wire.listings import decode_datasources, decode_set_status, decode_user_id
from klearstack_async.wire.reply import Reply, read
from klearstack_async.wire.results import batch_decoder, decode_each, decode_list, document_decoder
from klearstack_async.wire.verdict import DOCUMENTED_REFUSALS, is_documented_refusal, verdict_of

DOCUMENTED = confirmation_decoder(documented=True)
UNDOCUMENTED = confirmation_decoder(documented=False)

YES = [
    "Request Submitted Successfully",
    "QBE status updated successfully",
    "Document updated successfully",
    "Data appended successfully.",
    "Updated successfully, 0 errors",
    "Updated successfully (no errors, 0 failed)",
    "5 rows added, failed: 0, errors = none",
    "Successfully inserted 10 rows without any problems",
    "Reference no 12 updated",
    "No. 12 updated successfully",
    "Datasource 'Missing invoices, not paid' created successfully",
    'Datasource "error" was created successfully',
    "Document updated successfully. Please refresh the page.",
    "Updated successfully; unknown columns were ignored",
    "Notification preferences saved.",
    "SUCCESS",
    "success!",
    "Success: true",
    "UPDATE_SUCCESS",
    "Request succeeded",
    "OK",
    "Ok, 5 rows",
    "Done.",
    "true",
    "Yes",
    "1",
    "Request accepted",
    "Record saved",
]
NO = [
    *sorted(DOCUMENTED_REFUSALS),
    "Document ID not found",
    "Batch ID not found",
    "Forbidden: Client Error",
    "Server Error",
    "Document is already approved",
    "Document is already rejected",
    "Please provide username.",
    "Please provide password.",
    "Incorrect username or password.",
    "Something went wrong. Please try again later.",
    "Update was not successful",
    "Unsuccessful",
    "Could not be updated successfully",
    "10 errors, 5 rows updated",
    "Successfully parsed, but failed to save",
    "Document couldn\u2019t be updated",
    "Document couldnt be updated",
    "No such document",
    "No document updated",
    "Nothing was updated",
    "0 rows updated",
    "None updated",
    "Invalid document id",
    "Access denied",
    "Unauthorized",
    "NOT_FOUND",
    "NotFound",
    "INVALID-REQUEST",
    "success: false",
    '"success" = 0',
    "false",
    "0",
    "no",
    "Token expired",
    "Limit exceeded",
    "Datasource exists",
    "username is required",
    "File too large",
    "Bad Request",
    "Request timed out",
    "Response: 'Document not found'",
    "Only Admin users may do this",
    "Errors: 3",
    "Document must be saved",
]
NEITHER = [
    "",
    "Hello",
    "Processing",
    "The document",
    "Successor of 12",
    "12",
    "...",
    "0 errors",
    "Will be updated",
    "x" * 2000 + " success",
]


@pytest.mark.parametrize("sentence", YES)
def test_a_sentence_says_yes(sentence: str) -> None:
    assert verdict_of(sentence) is True


@pytest.mark.parametrize("sentence", NO)
def test_a_sentence_says_no(sentence: str) -> None:
    assert verdict_of(sentence) is False


@pytest.mark.parametrize("sentence", NEITHER)
def test_a_sentence_says_neither(sentence: str) -> None:
    assert verdict_of(sentence) is None


def confirmed(
    body: bytes | str, *, documented: bool = True, content_type: str = ""
) -> Confirmation:
    data = body if isinstance(body, bytes) else body.encode()
    reply = Reply(200, {"content-type": content_type}, data)
    return read(reply, DOCUMENTED if documented else UNDOCUMENTED)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/html; charset=utf-8", "application/json"]
)
@pytest.mark.parametrize(
    "sentence", ["Request Submitted Successfully", "QBE status updated successfully"]
)
def test_a_documented_sentence_is_a_confirmation(sentence: str, content_type: str) -> None:
    # Django calls every text HTML unless it is told otherwise.
    for body in (sentence, f'"{sentence}"', f" {sentence}\r\n", f"\ufeff{sentence}"):
        assert confirmed(body, content_type=content_type) == Confirmation(sentence)


OBJECTS_THAT_SAY_YES: list[tuple[Any, Confirmation]] = [
    ({"success": True, "release_version": "7.8.9"}, Confirmation(None, "7.8.9")),
    (
        {"success": "Document updated successfully", "release_version": "7.8.9"},
        Confirmation("Document updated successfully", "7.8.9"),
    ),
    ({"success": "Document 6a was changed"}, Confirmation("Document 6a was changed")),
    ({"success": "true"}, Confirmation()),
    ({"success": 1, "message": "5 rows"}, Confirmation("5 rows")),
    ({"success": True, "error": None, "new": [1]}, Confirmation(extra={"error": None, "new": [1]})),
    ({"success": True, "error": "None"}, Confirmation(extra={"error": "None"})),
    ({"Success": True}, Confirmation()),
    ({"message": "Updated successfully"}, Confirmation("Updated successfully")),
    ({"status": "success", "id": 5}, Confirmation("success", None, {"id": 5})),
    (
        {"message": "Reference 12", "status": "OK"},
        Confirmation("OK", None, {"message": "Reference 12"}),
    ),
    ({"status": True, "msg": "Row 5"}, Confirmation(None, None, {"status": True, "msg": "Row 5"})),
    ([{"success": True}], Confirmation()),
    (True, Confirmation()),
]
OBJECTS_THAT_SAY_NO: list[Any] = [
    {"error": "Please provide username."},
    {"error": "Document is already approved"},
    {"error": "x", "success": True},
    {"error": {"code": 5}},
    {"error": True, "message": "It is locked"},
    {"Error": "x"},
    {"errors": ["x"]},
    {"success": False},
    {"success": False, "release_version": "7.8.9"},
    {"success": 0},
    {"success": "false"},
    {"success": "Document is already approved"},
    {"success": "Document ID not found", "release_version": "7.8.9"},
    {"message": "Document ID not found"},
    {"status": "failed"},
    {"status": "error", "message": "Row 5"},
    {"status": False},
    {"result": "Document ID not found"},
    {"detail": "Authentication credentials were not provided."},
    [{"error": "x"}],
    False,
]
SAYS_NEITHER: list[Any] = [
    {},
    [],
    None,
    5,
    0.5,
    [1, 2],
    {"success": None},
    {"success": []},
    {"success": ""},
    {"success": {}},
    {"status": 5},
    {"error": {}},
    {"error": False},
    {"message": {}},
    {"message": "Hello"},
    {"id": 5},
    {"release_version": "7.8.9"},
    "Hello",
    "",
]


@pytest.mark.parametrize(("answer", "expected"), OBJECTS_THAT_SAY_YES)
def test_an_object_that_says_yes_is_a_confirmation(answer: Any, expected: Confirmation) -> None:
    for body in (json.dumps(answer), f"<!-- x -->{json.dumps(answer)}<!-- y -->"):
        if body[0] != "<" or isinstance(answer, dict):
            assert confirmed(body) == expected


@pytest.mark.parametrize("answer", OBJECTS_THAT_SAY_NO)
def test_an_object_that_says_no_is_a_rejection(answer: Any) -> None:
    for documented in (True, False):
        with pytest.raises(Rejected, match="the service says"):
            confirmed(json.dumps(answer), documented=documented)


@pytest.mark.parametrize("answer", SAYS_NEITHER)
def test_what_says_neither_is_an_error_only_where_a_yes_is_documented(answer: Any) -> None:
    body = json.dumps(answer)
    with pytest.raises(DecodeError, match="neither yes nor no"):
        confirmed(body)
    found = confirmed(body, documented=False)
    assert found.message or found.extra or found.release_version or not answer


def test_an_empty_body_says_neither() -> None:
    assert confirmed(b"", documented=False) == Confirmation()
    with pytest.raises(DecodeError):
        confirmed(b"")


@pytest.mark.parametrize("documented", [True, False])
@pytest.mark.parametrize(
    "body",
    [
        '{"success": true',
        '{"success": false',
        '{"success": tru',
        'junk {"success": fal',
        "{'success': True}",
        '[{"success": true}',
        '{"a": "Updated successfully',
        "<html>success</html>",
        "<h1>Done</h1>",
        "<success/>",
    ],
)
def test_what_is_broken_or_a_page_is_never_a_yes(body: str, documented: bool) -> None:
    with pytest.raises(DecodeError):
        confirmed(body, documented=documented)


def test_other_json_before_the_answer_is_not_the_answer() -> None:
    with pytest.raises(Rejected):
        confirmed('{"log": "x"}{"success": false}')
    with pytest.raises(Rejected):
        confirmed('Document ID not found: {"id": "5"}', documented=False)
    assert confirmed('[1] warning {"success": true}') == Confirmation()


@pytest.mark.parametrize("levels", [60, 800, 5_000])
def test_an_answer_that_is_nested_too_deeply_is_judged_by_the_rest(levels: int) -> None:
    deep = "[" * levels + "]" * levels
    found = confirmed(f'{{"success": true, "more": {deep}}}')
    assert found == Confirmation(extra={"more": deep})
    with pytest.raises(Rejected):
        confirmed(f'{{"more": {deep}, "success": false}}')


def test_keys_that_repeat_are_kept() -> None:
    found = confirmed('{"success": "Done", "success": "Updated", "a": {"b": 1, "b": 2}}')
    expected = {"repeated": [["success", "Updated"]], "a": {"b": 1, "repeated": [["b", 2]]}}
    assert found == Confirmation("Done", None, expected)


MORE = st.dictionaries(
    st.sampled_from(["id", "note", "rows", "release_version", "code", "data"]),
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=5,
    ),
)


@given(MORE, st.sampled_from([{"success": True}, {"message": "Saved"}, {}]))
def test_nothing_beside_a_yes_is_lost(more: Mapping[str, Any], yes: Mapping[str, Any]) -> None:
    found = confirmed(json.dumps({**more, **yes}), documented=False)
    version = more.get("release_version")
    is_text = isinstance(version, str | int)
    assert found.release_version == (str(version) if is_text else None)
    assert found.extra == {k: v for k, v in more.items() if k != "release_version" or not is_text}


# What stands in a box.


def box(body: str) -> BoxText:
    return read(Reply(200, {}, body.encode()), decode_box_text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("INVOICE 5", BoxText("INVOICE 5")),
        ('"INVOICE 5"', BoxText("INVOICE 5")),
        ('"Quoted" Ltd', BoxText('"Quoted" Ltd')),
        ("1.50", BoxText("1.50")),
        ("0012", BoxText("0012")),
        ("true", BoxText("true")),
        ("Not applicable", BoxText("Not applicable")),
        ("Error report", BoxText("Error report")),
        ('Item {"x": 1} of 2', BoxText('Item {"x": 1} of 2')),
        ('Item ["x"', BoxText('Item ["x"')),
        ("<5 mg", BoxText("<5 mg")),
        ("", BoxText("")),
        ("null", BoxText(None, {"answer": None})),
        ('["a", "b"]', BoxText(None, {"answer": ["a", "b"]})),
        ('{"text": "a", "release_version": "7"}', BoxText("a", {"release_version": "7"})),
        ('{"ocr_text": "a", "data": {"b": 1}}', BoxText("a", {"data": {"b": 1}})),
        ('{"text": "not found", "success": true}', BoxText("not found", {"success": True})),
        ('{"text": "a", "status": "failed to align"}', BoxText("a", {"status": "failed to align"})),
        ('{"text": null, "result": "a"}', BoxText("a", {"text": None})),
        ('{"text": 1.5}', BoxText(None, {"text": 1.5})),
        ('{"words": ["a"]}', BoxText(None, {"words": ["a"]})),
    ],
)
def test_the_text_of_a_box_is_found_and_nothing_is_lost(body: str, expected: BoxText) -> None:
    assert box(body) == expected


@pytest.mark.parametrize(
    "body",
    [
        *sorted(DOCUMENTED_REFUSALS),
        '"Document ID not found"',
        '{"error": "x"}',
        '{"success": false}',
        '{"success": false, "text": ""}',
        '{"message": "Document ID not found"}',
    ],
)
def test_a_box_of_an_unknown_document_is_a_rejection(body: str) -> None:
    with pytest.raises(Rejected):
        box(body)


def test_a_documented_refusal_is_known_in_any_case_and_with_its_full_stop() -> None:
    assert is_documented_refusal("Incorrect username or password.")
    assert not is_documented_refusal("Incorrect username or password, it says")


# A no instead of documents, lists or ids.

LISTS: dict[str, Callable[[Reply], Any]] = {
    "batch": batch_decoder("b", 1),
    "list": decode_list,
    "each": decode_each,
    "document": document_decoder("d"),
    "datasources": decode_datasources,
    "set status": decode_set_status,
    "user id": decode_user_id,
}


@pytest.mark.parametrize("decoder", LISTS)
@pytest.mark.parametrize(
    "body",
    [
        '{"error": "Document ID not found"}',
        '{"error": "x", "result": []}',
        '{"success": false}',
        '{"success": "Document ID not found"}',
        '{"result": [], "success": false}',
        '"Document ID not found"',
        "Document ID not found",
        "Forbidden: Client Error",
    ],
)
def test_a_no_instead_of_a_list_is_a_rejection(body: str, decoder: str) -> None:
    with pytest.raises(Rejected):
        read(Reply(200, {}, body.encode()), LISTS[decoder])


@pytest.mark.parametrize("decoder", ["list", "each", "document", "datasources", "user id"])
def test_a_sentence_that_says_no_is_a_rejection_where_there_is_no_list(decoder: str) -> None:
    with pytest.raises(Rejected):
        read(Reply(200, {}, b'{"message": "Set not found"}'), LISTS[decoder])


def test_a_batch_that_says_it_is_not_ready_is_pending() -> None:
    body = b'{"message": "Documents are not processed yet"}'
    assert read(Reply(200, {}, body), LISTS["batch"]).state == "pending"


@pytest.mark.parametrize("decoder", ["list", "each", "batch", "datasources", "set status"])
def test_an_empty_list_is_empty_whatever_is_said_beside_it(decoder: str) -> None:
    body = b'{"result": [], "message": "No documents found"}'
    found = read(Reply(200, {}, body), LISTS[decoder])
    assert not list(getattr(found, "documents", found))


def test_any_body_is_given_as_what_it_is() -> None:
    for body, expected in {
        b"text": "text", b'"text"': "text", b"5": 5, b"": "", b'junk {"a": 1}': {"a": 1},
        b"[INFO] done": "[INFO] done", b"\xef\xbb\xbf[1]": [1], b"caf\xe9": "caf\ufffd",
    }.items():  # fmt: skip
        assert read(Reply(200, {}, body), answer_in) == expected


@pytest.mark.parametrize("flag", [True, "true", 1])
def test_a_yes_beside_a_known_refusal_is_none(flag: object) -> None:
    body = json.dumps({"success": flag, "message": "Document ID not found"}).encode()
    with pytest.raises(Rejected, match="Document ID not found"):
        confirmation_decoder(documented=True)(Reply(200, {}, body))


def test_an_error_that_is_none_is_no_error() -> None:
    body = b'{"success": true, "error": "No error"}'
    assert confirmation_decoder(documented=True)(Reply(200, {}, body)).message is None
