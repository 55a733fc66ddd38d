"""Where the backbone reads nothing, words of the query carry the ranking, and no file is one chunk."""

from __future__ import annotations

import numpy as np
import pytest

from longattncomp_cli.core.inputs.source import Source
from longattncomp_cli.core.prompts.request import Request
from longattncomp_cli.core.results.warnings import find_warnings

FILLER = {
    "Thai": "ร้านขนมปังซื้อเตาอบใหม่เมื่อเดือนที่แล้วในราคาสูงกว่าที่คิดไว้",
    "Khmer": "ហាងនំប៉័ងទិញឡថ្មីកាលពីខែមុនក្នុងតម្លៃខ្ពស់",
    "Amharic": "ዳቦ ቤቱ ባለፈው ወር አዲስ ምድጃ ገዛ",
    "N'Ko": "ߒߞߏ ߦߋ߫ ߛߓߍߛߎ߲ ߠߋ߬ ߘߌ߫ ߝߊߙߊߝߌ߲߫ ߘߐ߫.",
    "Javanese": "ꦲꦏ꧀ꦱꦫꦗꦮꦲꦶꦏꦸꦱꦶꦗꦶꦭꦤ꧀ꦮꦂꦤꦤꦺ꧉",
}
NEEDLE = {
    "Thai": ("ระฆังเก่าแขวนอยู่ใต้สะพานไม้", "ระฆังเก่าอยู่ที่ไหน"),
    "Khmer": ("កណ្តឹងចាស់ព្យួរនៅក្រោមស្ពានឈើ", "កណ្តឹងចាស់នៅឯណា"),
    "N'Ko": ("ߞߎߟߎ߲ ߦߋ߫ ߖߌ ߘߊ ߟߊ߫.", "ߞߎߟߎ߲ ߦߋ߫ ߡߌ߲؟"),
    "Javanese": ("ꦏꦥꦭ꧀ꦲꦤꦺꦁꦥꦶꦁꦒꦶꦂꦱꦼꦒꦫ꧉", "ꦏꦥꦭ꧀ꦲꦤꦺꦁꦲꦼꦤ꧀ꦢꦶ"),
    "Amharic": ("አሮጌው ደወል ከእንጨት ድልድዩ ስር ተሰቅሏል", "አሮጌው ደወል የት ነው"),
}


@pytest.mark.parametrize("script", FILLER)
def test_a_text_that_cannot_be_read_is_ranked_by_its_words(scorer, script: str) -> None:
    answer, query = NEEDLE[script]
    lines = [f"{FILLER[script]} {number}" for number in range(60)]
    lines[41] = answer
    text = "\n".join(lines)
    request = Request((Source(text),), query)
    scores = scorer.score(request)
    assert len(scores.chunks) > 3
    assert max(chunk.end - chunk.start for chunk in scores.chunks) < 700
    best = scores.chunks[int(scores.order[0])]
    assert best.start <= text.index(answer) < best.end
    codes = [warning.code for warning in find_warnings(request, scores)]
    assert ("unread-script" in codes) == (scores.unknown_share > 0.2)
    assert "unread-script" in codes


def test_a_text_that_is_read_is_not_warned_of(scorer) -> None:
    request = Request((Source("The bell hangs under the bridge 🙂. " * 50),), "Where is the bell?")
    codes = [warning.code for warning in find_warnings(request, scorer.score(request))]
    assert "unread-script" not in codes


def test_an_unknown_word_is_as_many_tokens_as_its_letters_make(scorer) -> None:
    for length in (1, 4, 5, 40, 95, 200):
        tokens = scorer.backbone.tokenize(["ก" * length])[0]
        assert np.all(np.diff(tokens.starts) <= 4) and np.all(np.diff(tokens.starts) > 0)
        assert length - tokens.starts[-1] <= 4


SPELT = {
    "composed or not": ("Wo steht `größe_zähler`?", "gro\u0308ße_za\u0308hler steht im Keller"),
    "wide": ("Where is ＡＸ-４７１１ kept?", "AX-4711 is kept in the cellar"),
    "digits of Arabic": ("أين الملف `ملف_٤٧١١`؟", "ملف_4711 في القبو"),
    "vowel points": ("أين القارب؟", "القَارِبُ في القبو"),
    "Korean particles": ("등대지기는?", "등대지기가 지하실에 있다"),
    "half-width kana": ("トウダイはどこ", "ﾄｳﾀﾞｲは地下にある"),
    "capitals": ("где маяк?", "МАЯК в подвале"),
    "final sigma": ("που είναι ο φάρος;", "Ο ΦΆΡΟΣ είναι στο υπόγειο"),
}


@pytest.mark.parametrize("case", SPELT)
def test_names_are_found_however_they_are_spelt(scorer, case: str) -> None:
    query, answer = SPELT[case]
    lines = [
        f"{number} lanterns and {number + 3} ropes are kept in the shed by the gate" for number in range(60)
    ]
    lines[41] = answer
    text = "\n".join(lines)
    scores = scorer.score(Request((Source(text),), query))
    best = scores.chunks[int(scores.order[0])]
    assert best.start <= text.index(answer) < best.end
