"""Bundles in a bulk run: what goes up together, whose result is whose, and what harms whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bulk_kit import Store, failing, files, run, states
from conftest import Serve, client_at, client_of, until
from documents import invoice_pdf

from klearstack_async import KlearStack, OutcomeState, Stream
from klearstack_async.bulk.bundling import Bundler
from klearstack_async.bulk.item import Item
from klearstack_async.sandbox import Sandbox
from klearstack_async.wire.source import SourceLike

TEN = [f"{number}.pdf" for number in range(10)]


async def test_each_document_of_a_bundle_gets_its_own_fields(
    ks: KlearStack, sandbox: Sandbox, tmp_path: Path
) -> None:
    for number in range(10):
        # The same name in two folders, and one beyond ASCII.
        (tmp_path / f"{number % 2}").mkdir(exist_ok=True)
        name = f"{number % 2}/rechnüng {number // 2}.pdf"
        (tmp_path / name).write_bytes(invoice_pdf(f"N-{number}"))
    outcomes = await run(ks, tmp_path, bundle=4)
    for outcome in outcomes:
        path = Path(outcome.source)
        number = int(path.stem.split()[1]) * 2 + int(path.parent.name)
        assert outcome.document is not None
        assert outcome.document["Inv_Number"].value == f"N-{number}"
    assert len(outcomes) == len(await sandbox.documents()) == 10
    # Which of them meet in a bundle depends on who is read first.
    assert sandbox.requests["uploadbatch"] + sandbox.requests["processdocument"] == 3


async def test_one_bad_file_in_a_bundle_harms_no_other(
    ks: KlearStack, sandbox: Sandbox, tmp_path: Path
) -> None:
    for number in range(8):
        (tmp_path / f"{number}.pdf").write_bytes(invoice_pdf(f"N-{number}"))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "empty.pdf").touch()
    found = states(await run(ks, [tmp_path, tmp_path / "missing.pdf"], bundle=20))
    failed = {name for name, state in found.items() if state == "failed"}
    assert failed == {"broken.pdf", "empty.pdf", "missing.pdf"}
    assert len(found) - len(failed) == 8
    assert sandbox.requests["uploadbatch"] == 1


async def test_a_result_with_an_unknown_name_is_nobodys(serve: Serve, tmp_path: Path) -> None:
    store = Store(named=lambda name: "stranger.pdf" if name.startswith("3-") else name)
    async with (
        client_at(await store.url(serve)) as ks,
        ks.bulk(files(tmp_path / "in", *TEN), bundle=10) as going,
    ):
        outcomes = [outcome async for outcome in going]
    strangers = [o for o in outcomes if o.state is OutcomeState.UNMATCHED]
    assert [o.source for o in strangers] == ["stranger.pdf"]
    assert [document.file_name for o in strangers for document in o.documents] == ["stranger.pdf"]
    assert strangers[0].batch_id == "b-1"
    own = {name: state for name, state in states(outcomes).items() if name != "stranger.pdf"}
    assert own == {**dict.fromkeys(TEN, "extracted"), "3.pdf": "failed"}
    assert going.report.finished == going.report.sources == 10
    assert going.report.unmatched == 1


async def test_results_without_names_are_never_guessed(serve: Serve, tmp_path: Path) -> None:
    store = Store(named=lambda _: None)
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf", "b.pdf"), bundle=2)
    assert sorted(o.state for o in outcomes) == ["failed", "failed", "unmatched", "unmatched"]


async def test_a_name_that_comes_back_in_another_form_is_known(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store(named=lambda name: f"inbox/2026/{name.upper()}")
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "ä.pdf", "b.pdf"), bundle=2)
    assert states(outcomes) == {"ä.pdf": "extracted", "b.pdf": "extracted"}


async def test_what_comes_for_a_single_document_is_its_own_whatever_its_name(
    serve: Serve, tmp_path: Path
) -> None:
    store = Store(named=lambda _: "renamed by the service")
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", "a.pdf"))
    assert states(outcomes) == {"a.pdf": "extracted"}


@pytest.mark.parametrize("status", [400, 413])
async def test_a_refused_bundle_is_halved_until_the_one_to_blame_is_alone(
    status: int, serve: Serve, tmp_path: Path
) -> None:
    def refuse(number: int, names: list[str]) -> object:
        return failing(status) if any(name.startswith("7-") for name in names) else None

    store = Store(refuse=refuse)  # type: ignore[arg-type]
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, files(tmp_path / "in", *TEN), bundle=10)
    assert states(outcomes) == {**dict.fromkeys(TEN, "extracted"), "7.pdf": "failed"}
    assert len(store.stored) == 9
    assert all(o.attempts >= 2 for o in outcomes)


async def test_a_file_that_changes_while_its_bundle_is_sent_is_sent_as_it_is_then(
    serve: Serve, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", *TEN)
    large = folder / "large.pdf"
    large.write_bytes(b"%PDF-1.4" + bytes(3 << 20))
    changes = iter([b"%PDF-1.4 other" + bytes(3 << 20)])

    async def gives_time() -> AsyncIterator[bytes]:
        # Read after the large file was sized up, and before it is sent.
        for change in changes:
            large.write_bytes(change)
        yield b"%PDF-1.4 streamed"

    # First in the zip, so that the change comes before the large one's turn.
    sources: list[SourceLike] = [
        Stream(gives_time, "0.pdf"),
        large,
        *(folder / name for name in TEN),
    ]
    store = Store()
    async with client_at(await store.url(serve)) as ks:
        outcomes = await run(ks, sources, bundle=len(sources), workers=1)
    assert {o.state for o in outcomes} == {OutcomeState.EXTRACTED}
    # Another reading may come before the file's time is another one.
    assert min(o.attempts for o in outcomes) > 1
    assert len(store.stored) == len(sources)
    assert next(o for o in outcomes if o.source == str(large)).size_bytes == large.stat().st_size


async def test_a_bundle_that_is_not_full_is_sent_without_waiting_for_ever(
    serve: Serve, tmp_path: Path
) -> None:
    folder = files(tmp_path / "in", "a.pdf", "b.pdf")
    store = Store()

    async def sources() -> object:
        yield folder / "a.pdf"
        # The next one depends on what becomes of the first.
        await until(lambda: going.report.finished == 1)
        yield folder / "b.pdf"

    async with client_at(await store.url(serve)) as ks:
        going = ks.bulk(sources(), bundle=50)  # type: ignore[arg-type]
        async with going:
            outcomes = [outcome async for outcome in going]
    assert states(outcomes) == {"a.pdf": "extracted", "b.pdf": "extracted"}
    assert len(store.tried) == 2


async def test_options_of_single_documents_cannot_be_said_about_bundles(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        with pytest.raises(ValueError, match="application_no"):
            client_of(sandbox).bulk(tmp_path, bundle=2, application_no="1")


def items(*sizes: int) -> list[Item]:
    return [Item(number, "", 0.0, size_bytes=size) for number, size in enumerate(sizes)]


def bundled(sizes: list[int], *, most: int, most_bytes: int) -> list[list[int | None]]:
    bundler = Bundler(most=most, most_bytes=most_bytes)
    full = [bundle for item in items(*sizes) for bundle in bundler.add(item, 0.0)]
    return [[item.size_bytes for item in bundle] for bundle in [*full, bundler.take()] if bundle]


def test_bundles_are_split_by_count_and_by_bytes() -> None:
    assert bundled([1] * 5, most=2, most_bytes=99) == [[1, 1], [1, 1], [1]]
    assert bundled([4, 4, 4], most=9, most_bytes=10) == [[4, 4], [4]]
    assert bundled([4, 6, 1], most=9, most_bytes=10) == [[4, 6], [1]]
    assert bundled([1, 50, 1], most=9, most_bytes=10) == [[1], [50], [1]]
