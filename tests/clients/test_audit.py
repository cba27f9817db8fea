"""The verifier of exported logs: what is no log is said in a line, whatever stands in the file."""

from __future__ import annotations

import gzip
import io
import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from assentry.audit import (
    BadNote,
    Key,
    Wrong,
    check,
    check_stream,
    gap_levels,
    leaf_hash,
    open_checkpoint,
)
from assentry.audit import Tree as ClientTree
from assentry.notes import open_note
from hypothesis import example, given, settings
from hypothesis import strategies as st

from audit import checkpoints, tree
from audit.sequencer import sequence
from signing import keys
from signing.keys import signers
from signing.notes import Verifier
from tests.audit.exports import ALONE, EVENT, exported, grown, leaves_again, line_of, verifier


class Sample:
    """A log with three checkpoints, exported whole and in part."""

    def __init__(self) -> None:
        self.workspace = grown(900, batches=3, sequence=sequence)
        self.whole = exported(self.workspace)
        self.part = exported(self.workspace, selection=range(2, 900, 41), anchored=[300])
        self.small = exported(grown(3, batches=1, sequence=sequence))
        self.text = verifier(self.workspace)
        self.key = Key.parse(self.text)
        name = json.loads(self.small[0])["origin"]
        self.small_text = str(Verifier(name, signers.current(keys.LOG).public))
        self.small_key = Key.parse(self.small_text)
        found = checkpoints.at_size(self.workspace, 600)
        assert found is not None
        self.note = found.note
        self.anchor = open_checkpoint(found.note, [self.key])


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample()


def reading(file: bytes, sample: Sample, *anchors: Any) -> Any:
    """Check bytes as a stream."""
    return check_stream(io.BytesIO(file), [sample.key, sample.small_key], anchors)


def said(check: Any, *arguments: Any, **how: Any) -> Any:
    """The report, or what is wrong and where."""
    try:
        return check(*arguments, **how)
    except Wrong as wrong:
        return str(wrong), wrong.position, wrong.within, wrong.line


class TestNotesAndTrees:
    def test_the_published_signed_note(self) -> None:
        key = Key.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
        note = (
            "This is an example message.\n\n\N{EM DASH} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6T"
            "fXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
        )
        assert open_note(note, [key]) == ("This is an example message.\n", key)
        with pytest.raises(BadNote, match="signature"):
            open_note(note.replace("example m", "Example m"), [key])
        with pytest.raises(BadNote, match="none of the keys"):
            open_note(note, [])

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a+b+c",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
            "\0+\0+\0",
        ],
    )
    def test_what_is_no_key(self, text: str) -> None:
        with pytest.raises(BadNote):
            Key.parse(text)

    @pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 255, 256, 257, 300])
    def test_the_tree_is_the_servers(self, size: int) -> None:
        leaves = [tree.leaf_hash(b"%d" % n) for n in range(size)]
        theirs = tree.Frontier()
        for leaf in leaves:
            theirs.append(leaf)
        for start in {0, size // 3, size // 2}:
            ours, levels = ClientTree(), gap_levels(start, size)
            for n in range(start):
                ours.add(0, leaf_hash(b"%d" % n))
            for level in levels:
                part = tree.Frontier()
                for leaf in leaves[ours.size : ours.size + (1 << level)]:
                    part.append(leaf)
                ours.add(level, part.root())
            assert (ours.size, ours.root()) == (size, theirs.root())
            assert levels == [level for level, _ in tree.spans(start, size)]


class TestBlocks:
    """A file is hashed by the block, a large one by several processes: it comes to the same."""

    @pytest.mark.parametrize("size", [1, 200, 7_777, 60_000, 1 << 21])
    @pytest.mark.parametrize("which", ["whole", "part", "small"])
    def test_what_is_right_is_right_however_it_is_cut(
        self, sample: Sample, monkeypatch: pytest.MonkeyPatch, which: str, size: int
    ) -> None:
        file = b"".join(getattr(sample, which))
        expected = reading(file, sample)
        monkeypatch.setattr("assentry.audit.BLOCK", size)
        assert reading(file, sample) == expected
        if which == "whole":
            held = reading(file, sample, sample.anchor)
            assert (held.root, held.anchored) == (expected.root, [600])

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_what_is_wrong_is_found_at_the_same_place(
        self, sample: Sample, data: st.DataObject
    ) -> None:
        file = mutated(data, b"".join(sample.part if data.draw(st.booleans()) else sample.whole))
        with pytest.MonkeyPatch.context() as patch:
            found = []
            for size in (1, 5_000, 1 << 21):
                patch.setattr("assentry.audit.BLOCK", size)
                found.append(said(reading, file, sample))
        assert found[0][0]
        assert found == [found[0]] * 3

    def test_a_large_file_takes_several_processes(
        self, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("assentry.audit.LARGE", 1)
        monkeypatch.setattr("assentry.audit.BLOCK", 5_000)
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join(sample.whole))
        held = check(path, [sample.key], [sample.anchor], jobs=2)
        assert held == reading(path.read_bytes(), sample, sample.anchor)
        at = line_of(sample.whole, 700)
        for old, new in ((b'"message":"', b'"message":"x'), (b'"at":"2026', b'"at":"year')):
            changed = list(sample.whole)
            changed[at] = changed[at].replace(old, new)
            path.write_bytes(b"".join(changed))
            found = said(check, path, [sample.key], jobs=2)
            assert found == said(reading, path.read_bytes(), sample)
            assert found[1] == 700


def mutated(data: st.DataObject, file: bytes) -> bytes:
    """The file, changed somewhere."""
    at = data.draw(st.integers(0, len(file) - 1))
    end = data.draw(st.integers(at, min(len(file), at + 400)))
    new = data.draw(
        st.one_of(
            st.binary(max_size=8),
            st.sampled_from([b"", b"\n", b"\0", b"\xff", b"{", b'{"gap":[],"to":1}\n', file[at:end] * 2]),
            st.integers(0, 255).map(lambda bit: bytes([file[at] ^ (bit or 1)]) + file[at + 1 : end]),
        )
    )  # fmt: skip
    changed = file[:at] + new + file[end:]
    return changed if changed != file else file + new + b"x"


class TestHostileFiles:
    @settings(max_examples=400, deadline=None)
    @given(data=st.data())
    def test_no_changed_file_is_right_and_none_breaks_it(
        self, sample: Sample, data: st.DataObject
    ) -> None:
        with pytest.raises(Wrong):
            reading(mutated(data, b"".join(sample.small)), sample)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    @example(b"")
    @example(b"\n")
    @example(b"\0" * 100)
    @example(b'{"assentry":"log/1"}\n')
    @example(b'{"manifest":"x"}\n')
    def test_no_noise_is_right(self, sample: Sample, noise: bytes) -> None:
        with pytest.raises(Wrong):
            reading(noise, sample)
        for at in (1, 2, len(sample.small) - 1, len(sample.small)):
            lines = [*sample.small[:at], noise, *sample.small[at:]]
            if noise:
                with pytest.raises(Wrong):
                    reading(b"".join(lines), sample)

    @pytest.mark.parametrize(
        "line",
        [
            b"[" * 900_000,
            b'{"gap":' + b"[" * 900_000,
            b'{"leaves":' + b'{"a":' * 150_000,
            b'{"gap":["' + b"A" * 44 + b'"],"to":' + b"9" * 900_000 + b"}",
            b'{"gap":["' + b"A" * 44 + b'"],"to":1e999}',
            b'{"gap":["' + b"A" * 43 + b'="],"to":true}',
            b'{"gap":["' + b"A" * 43 + b'="],"to":-1}',
            b'{"gap":["' + b"A" * 43 + b'="],"to":9223372036854775808}',
            b'{"gap":[],"to":4}',
            b'{"gap":[null],"to":4}',
            b'{"gap":"x","to":4}',
            b'{"leaves":["' + b'","'.join([b"A" * 43 + b"="] * 300) + b'"],"to":300}',
            b'{"leaves":NaN,"to":1}',
            b'{"checkpoint":1}',
            b'{"checkpoint":"\\ud800"}',
            b'{"checkpoint":"\n\n"}',
            b'{"checkpoint":"a","checkpoint":"a"}',
            b'{"actor":\xff\xfe}',
            b'{"actor":{},"at":"2026-99-99T99:99:99.999999Z","workspace":""}',
            b'{"actor":{}}',
            b"\0",
            b"",
            b'{"manifest":"' + b"x" * 2_000_000 + b'"}',
            b'{"manifest":[]}',
            b'{"other":' + b"1" * 2_000_000 + b"}",
        ],
        ids=lambda line: f"{line[:24]!r} {len(line)}",
    )
    def test_a_line_that_is_none(self, sample: Sample, line: bytes) -> None:
        with pytest.raises(Wrong) as caught:
            reading(b"".join([sample.small[0], line + b"\n", *sample.small[1:]]), sample)
        assert len(str(caught.value)) < 300

    def test_an_instant_that_is_none(self, sample: Sample) -> None:
        """Its bytes are under a root that somebody signed."""
        lines = list(sample.whole)
        at = line_of(lines, 5)
        lines[at] = lines[at].replace(lines[at][lines[at].index(b'"at":"') + 6 :][:4], b"9999", 1)
        lines[at + 1] = lines[at + 1].replace(b'"at":"2026-1', b'"at":"2026-9')
        leaves_again(lines, at)
        with pytest.raises(Wrong):
            reading(b"".join(lines), sample)

    def test_a_line_without_end_costs_no_memory(self, sample: Sample, tmp_path: Path) -> None:
        path = tmp_path / "endless.jsonl"
        with path.open("wb") as file:
            file.write(sample.small[0])
            file.write(b'{"actor":')
            file.truncate(600 << 20)
        done = alone(path, sample.small_text, most=300 << 20)
        assert (done.returncode, done.stderr) == (1, "")
        assert "longer than 16 MiB" in done.stdout

    def test_a_long_file_costs_no_memory(self, sample: Sample, tmp_path: Path) -> None:
        path = tmp_path / "endless.jsonl"
        event = next(line for line in sample.small if line.startswith(EVENT))
        with path.open("wb") as file:
            file.write(sample.small[0])
            for _ in range(200):
                file.write(event * 1_000)
        done = alone(path, sample.small_text, most=300 << 20)
        assert (done.returncode, done.stderr) == (1, "")
        assert "hashes of the leaves before this event are missing" in done.stdout


def alone(path: Path, *words: str, most: int = 0, **how: Any) -> subprocess.CompletedProcess[str]:
    """The command, on a machine without server, database and network."""
    if words and not words[0].startswith("--"):
        words = ("--key", *words)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    return subprocess.run(
        [sys.executable, "-I", "-c", ALONE, "audit", "verify", str(path), *words],
        env={"COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=limit if most else None,
        **how,
    )


class TestTheCommand:
    @pytest.fixture
    def path(self, sample: Sample, tmp_path: Path) -> Path:
        path = tmp_path / "log.jsonl"
        path.write_bytes(b"".join(sample.whole))
        return path

    def test_what_is_right(self, sample: Sample, path: Path) -> None:
        done = alone(path, sample.text)
        assert (done.returncode, done.stderr) == (0, "")
        name = f"{sample.key.name}+{sample.key.id.hex()}"
        assert done.stdout == (
            f"OK: 900 events, unbroken, signed by {name}, exported 2026-03-29T01:59:59.000000Z, "
            "held against no anchor.\n"
        )
        anchor = path.with_name("anchor.txt")
        anchor.write_text(sample.note)
        done = alone(path, "--key", sample.text, "--anchor", str(anchor))
        assert "anchored at 600 events" in done.stdout

    def test_a_part_says_of_how_many(self, sample: Sample, path: Path) -> None:
        path.write_bytes(b"".join(sample.part))
        assert "OK: 22 of 900 events, unbroken" in alone(path, sample.text).stdout

    def test_keys_from_a_file(self, sample: Sample, path: Path, tmp_path: Path) -> None:
        held = tmp_path / "keys.txt"
        held.write_text(f"{sample.small_text}\n\n{sample.text}\n")
        assert alone(path, str(held)).returncode == 0

    def test_what_is_compressed(self, sample: Sample, path: Path) -> None:
        packed = path.with_name("log.jsonl.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        assert alone(packed, sample.text).returncode == 0
        whole = packed.read_bytes()
        for damaged in (whole[: len(whole) // 2], whole[:500] + b"\0\0\0\0" + whole[504:], b"\x1f\x8bxx", b"text"):  # fmt: skip
            packed.write_bytes(damaged)
            done = alone(packed, sample.text)
            assert (done.returncode, done.stderr) == (1, "")
            assert done.stdout.startswith("WRONG: ")

    def test_standard_input(self, sample: Sample, path: Path) -> None:
        with path.open() as file:
            done = alone(Path("-"), sample.text, stdin=file)
        assert done.returncode == 0

    def test_what_is_wrong(self, sample: Sample, path: Path) -> None:
        lines = list(sample.whole)
        at = line_of(lines, 700)
        lines[at] = lines[at].replace(b'"revision":', b'"revision":1')
        path.write_bytes(b"".join(lines))
        done = alone(path, sample.text)
        assert done.returncode == 1
        assert done.stdout == (
            "WRONG: position 700: The event is not the one that was logged, as its leaf's hash tells.\n"
        )
        done = alone(path, sample.text, "--json")
        assert json.loads(done.stdout) == {
            "ok": False,
            "why": "The event is not the one that was logged, as its leaf's hash tells.",
            "position": 700,
            "within": None,
            "line": None,
        }

    def test_wrong_use(self, sample: Sample, path: Path, tmp_path: Path) -> None:
        binary = tmp_path / "binary"
        binary.write_bytes(b"\xff\xfe")
        empty = tmp_path / "empty"
        empty.touch()
        stranger = tmp_path / "stranger.txt"
        stranger.write_text(sample.note.replace(sample.key.name, "assentry/other"))
        for words, told in {
            (str(tmp_path / "none"), "--key", sample.text): "No such file",
            (str(tmp_path), "--key", sample.text): "Is a directory",
            (str(path), "--key", "nonsense"): "Nor is it a file",
            (str(path), "--key", str(binary)): "is no text",
            (str(path), "--key", str(empty)): "holds no key",
            (str(path),): "--key",
            (str(path), "--key", sample.text, "--anchor", str(empty)): "no signed note",
            (str(path), "--key", sample.text, "--anchor", str(stranger)): "signed by no --key",
            (str(path), "--key", sample.text, "--anchor", str(tmp_path / "none")): "No such file",
        }.items():
            done = alone(Path(words[0]), *words[1:])
            assert (done.returncode, done.stdout) == (2, ""), words
            assert told in " ".join(done.stderr.split()), words
            assert "Traceback" not in done.stderr

    def test_without_cryptography_it_says_what_to_install(self, path: Path) -> None:
        program = ALONE.replace('{"django"', '{"cryptography", "django"')
        done = subprocess.run(
            [sys.executable, "-I", "-c", program, "audit", "verify", str(path), "--key", "x"],
            env={},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 119
        assert done.stderr == (
            "assentry: checking a log needs cryptography: pip install 'assentry[audit,cli]'\n"
        )
