"""What nobody knows of a printed row is a caveat beside its verdict; word vectors keep it from having one."""

from __future__ import annotations

from typing import Any

from support.test_modules import module_of

from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.paper import UNKNOWN
from mner.evaluation.reasons import Reason, ReasonKind
from mner.evaluation.verdicts import NOT_COMPARABLE

VERDICTS = vars(module_of("test_verdicts"))
TABLE1, TARGET, _judge = (VERDICTS[name] for name in ("TABLE1", "TARGET", "_judge"))


def test_word_vectors_that_no_row_reads_are_as_unlike_an_unknown_encoder_as_a_known_one() -> None:
    def judged(row: str, vectors: str) -> Any:
        encoder = {"name": vectors, "source": WORD_VECTORS, "sha256": None}
        near = [TABLE1[row].figure("twitter2017", "F1").value] * 2
        return _judge(near, row=TABLE1[row], system=row, visual_input="grid:resnet152", encoder=encoder)

    assert TABLE1["vg"].used["twitter2017"].encoder == "unknown"
    unknown, known = judged("vg", "glove-6b-50d"), judged("acoa", "glove-6b-50d")
    assert unknown.name == known.name == NOT_COMPARABLE
    assert (unknown.reasons[0].kind, unknown.reasons[0].ours) == (ReasonKind.ENCODER, "glove-6b-50d")
    assert not any(caveat.kind is ReasonKind.ENCODER for caveat in unknown.caveats)
    heard_of = judged("vg", TABLE1["ocsga"].used["twitter2017"].encoder)
    assert Reason(ReasonKind.ENCODER, theirs=UNKNOWN) in heard_of.caveats
    assert {reason.kind for reason in heard_of.reasons} == {ReasonKind.WEIGHTS, ReasonKind.PICTURES}
