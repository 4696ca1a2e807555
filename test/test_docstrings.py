"""The first words of docstrings: a verb where something is done, a noun where something is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import moeasr

PACKAGE = Path(moeasr.__file__).parent
TESTS = Path(__file__).parent

STARTS = "What How Of That Those Whom Whose Whether Where When Which Who See"
NEVER = set(re.findall(r"\w+", STARTS))
"""Words that no docstring starts with: a clause that they begin does not name its subject, and a
reference alone says nothing."""
VERBS = set(
    re.findall(
        r"\w+",
        """
    Abort Accept Accumulate Acquire Adapt Add Adjust Advance Align Allocate Allow Append Apply
    Approximate Archive Ask Assemble Assert Assign Attach Attend Augment Average Backtrack Balance
    Batch Begin Bind Block Boost Bound Break Broadcast Build Cache Calculate Call Cancel Cast
    Change Check Choose Clamp Clean Clear Clip Clone Close Collapse Collect Combine Compare
    Compile Complete Compose Compress Compute Concatenate Configure Confirm Connect Construct
    Consume Continue Convert Convolve Copy Correct Count Cover Create Cut Debug Decide Decode
    Decompress Define Delay Delete Deliver Densify Derive Describe Detach Detect Determine Disable
    Discard Dispatch Display Distribute Divide Do Download Draw Drop Dump Duplicate Embed Emit
    Enable Encode End Enforce Ensure Enter Escape Estimate Evaluate Evict Exchange Exclude Execute
    Exit Expand Export Extend Extract Fail Feed Fetch Fill Filter Find Finish Fit Fix Flag Flatten
    Flush Fold Follow Forbid Force Format Forward Free Freeze Gather Generate Get Give Go Group
    Guard Guess Handle Hash Have Hide Hold Ignore Import Include Increase Increment Index Infer
    Inform Initialise Initialize Insert Inspect Install Instantiate Integrate Interleave
    Interpolate Interpret Interrupt Invert Iterate Join Keep Kill Label Launch Lay Leave Let Limit
    Link List Listen Load Locate Lock Log Look Lower Make Map Mark Mask Match Measure Merge Mix
    Modify Monitor Move Multiply Name Normalise Normalize Note Notify Number Obtain Offer Omit
    Open Optimise Optimize Order Overwrite Pack Pad Parse Partition Pass Patch Pause Perform
    Permit Permute Perturb Pick Place Plan Play Plot Pool Prepare Prepend Preserve Prevent Print
    Probe Process Produce Profile Project Protect Provide Prune Publish Pull Push Put Quantise
    Quantize Query Quote Raise Rank Read Rearrange Rebuild Recognise Recognize Recompute Record
    Recover Reduce Refuse Register Reject Release Relocate Remember Remove Rename Render Reorder
    Repair Repeat Replace Replay Report Request Require Resample Rescore Reserve Reset Reshape
    Resize Resolve Restart Restore Restrict Resume Retry Return Reuse Reverse Rewind Rewrite
    Rotate Round Route Run Sample Save Scale Scan Schedule Score Search Seed Segment Select
    Send Separate Serialise Serialize Serve Set Share Shift Shorten Show Shuffle Shut Silence
    Simulate Skip Slice Solve Sort Speak Split Stack Start State Step Stop Store Stream Strip
    Submit Subsample Subtract Suggest Sum Summarise Summarize Supply Suppress Switch Synchronise
    Synchronize Synthesize Take Tell Terminate Test Tie Time Tokenize Trace Track Train Transcribe
    Transform Translate Transpose Trim Truncate Try Turn Undo Unfold Unlock Unpack Upcycle Update
    Upload Use Validate Verify Visit Wait Walk Warm Warn Weigh Weight Widen Wrap Write Yield Zip
    """,
    )
)
"""The verbs that start the docstrings of functions, as in "Return"; a new one is added here."""
NOT_ONLY_VERBS = set(
    re.findall(
        r"\w+",
        """
    Average Balance Batch Block Boost Bound Break Cache Call Change Check Clean Clear Close Complete
    Copy Correct Count Cover Cut Delay Dump End Exit Export Feed Filter Fit Fix Flag Force Format
    Free Group Guard Guess Handle Hash Hold Import Increase Index Label Limit Link List Load Lock
    Log Look Lower Map Mark Mask Match Measure Mix Name Note Number Offer Open Order Pack Pad Patch
    Permit Place Plan Play Plot Pool Probe Process Profile Project Push Query Quote Range Rank
    Record Release Repeat Report Request Reserve Reset Reverse Round Route Run Sample Scale Schedule
    Score Search Seed Segment Separate Set Share Shift Slice Sort Split Stack Start State Step Stop
    Store Stream Sum Supply Switch Test Tie Time Trace Track Train Try Turn Update Use Visit Wait
    Warm Weight Wrap
        """,
    )
)
"""Verbs that are nouns or adjectives as well: a field may be the "Number of experts"."""


def first_words(text: str) -> tuple[str, str]:
    """Return the first two words of a docstring, the second without punctuation."""
    words = [*text.split()[:2], "", ""]
    return words[0], words[1].rstrip(".,:;")


def function_fault(text: str) -> str | None:
    """Return why the first word of a function's docstring is refused, or None."""
    word, _ = first_words(text)
    return None if word.rstrip(".,:") in VERBS else f"starts with '{word}', not with a known verb"


def noun_fault(text: str) -> str | None:
    """Return why the first words of the docstring of a thing are refused, or None.

    Things are modules, classes, fields, constants and properties.
    """
    word, second = first_words(text)
    bare = re.sub(r"('s)?[.,:;]*$", "", word)
    if bare in NEVER:
        return f"starts with '{bare}', which does not name the thing"
    if not second:
        return f"is one word, '{word}'"
    if not re.match(r"[A-Z0-9`]|moeasr\b", word):
        return f"starts with '{word}', not with a capital letter, a digit or a `name`"
    if bare in VERBS - NOT_ONLY_VERBS:
        return f"starts with the verb '{bare}', not with a noun"
    stems = {bare.removesuffix("s"), bare.removesuffix("es")} if bare.endswith("s") else set()
    if stems & (VERBS - NOT_ONLY_VERBS) and bare not in VERBS:
        return f"starts with the verb '{bare}', not with a noun"
    return None


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def _is_text(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def docstrings(tree: ast.Module, is_command: bool) -> Iterator[tuple[int, str, bool]]:
    """Yield line, docstring and whether it starts with a verb, of all that a module documents.

    The string after an assignment documents a field or a constant. The docstring of a command in
    `moeasr/bin` says what the command does, so it starts with a verb like that of a function.
    """
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if text := ast.get_docstring(node):
                yield node.lineno, text, not _is_property(node)
        elif isinstance(node, (ast.Module, ast.ClassDef)):
            if text := ast.get_docstring(node):
                yield node.body[0].lineno, text, is_command and isinstance(node, ast.Module)
            for before, after in zip(node.body, node.body[1:]):
                if isinstance(before, (ast.Assign, ast.AnnAssign)) and _is_text(after):
                    yield after.lineno, after.value.value, False


def find_faults(path: Path) -> list[str]:
    """Return the docstrings of a file whose first words break the rule, one sentence each.

    A test says what holds, so the docstrings of tests need only avoid the words of `NEVER`.
    """
    is_test = TESTS in path.parents
    is_command = path.parent.name == "bin" and path.name != "__init__.py"
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for line, text, has_verb in docstrings(tree, is_command):
        if is_test:
            word = first_words(text)[0].rstrip(".,:")
            fault = f"starts with '{word}'" if word in NEVER else None
        else:
            fault = function_fault(text) if has_verb else noun_fault(text)
        if fault:
            found.append(f"{path}:{line}: the docstring {fault}")
    return found


@pytest.mark.parametrize("root", [PACKAGE, TESTS])
def test_docstrings_start_with_a_verb_or_a_noun(root):
    faults = [fault for path in sorted(root.rglob("*.py")) for fault in find_faults(path)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    [
        "Return the units.",
        "Train.",
        "Score hypotheses.",
        "Read a table, as `load` does.",
    ],
)
def test_a_verb_starts_a_function(text):
    assert function_fault(text) is None


@pytest.mark.parametrize(
    "text",
    ["What the units are.", "The units.", "Returns the units.", "(B, T) mask.", "Of a stream."],
)
def test_a_function_that_starts_otherwise_is_refused(text):
    assert function_fault(text)


@pytest.mark.parametrize(
    "text",
    [
        "The units of a model.",
        "Number of experts, E.",
        "`bias` of the router, added to its scores.",
        "8-bit weights.",
        "SpeechMoE's embedding network.",
        "Scores of the last step.",
        "True if the layer is causal.",
        "Bias of the router.",
    ],
)
def test_a_noun_starts_anything_else(text):
    assert noun_fault(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "What a router needs.",
        "Whether there is a head.",
        "E.",
        "(N, K) experts of each frame.",
        "y = W x + b.",
        "Return the units.",
        "Reads tables.",
        "Computes a loss.",
        "See `Encoder`.",
        "Those's own.",
    ],
)
def test_anything_else_that_starts_otherwise_is_refused(text):
    assert noun_fault(text)


def test_a_command_starts_with_a_verb(tmp_path):
    path = tmp_path / "bin/command.py"
    path.parent.mkdir()
    path.write_text('"""Decode a test set."""\n')
    assert not find_faults(path)
    path.write_text('"""Hypotheses of a test set."""\n')
    assert len(find_faults(path)) == 1


def test_every_kind_of_docstring_is_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        '"""What is here."""\nSIZE = 1\n"""How large."""\nclass A:\n    """Of a kind."""\n'
        '    x: int\n    """Whether."""\n    @property\n    def y(self):\n        """Where."""\n'
        '    async def z(self):\n        """The end."""\ndef f():\n    """That."""\n    g = 1\n'
    )
    lines = [int(fault.split(":")[1]) for fault in find_faults(path)]
    assert sorted(lines) == [1, 3, 5, 7, 9, 11, 13]
