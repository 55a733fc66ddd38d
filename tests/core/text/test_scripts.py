"""Sentences end as the scripts end them, shares of scripts sum to 1, and foreign words are found."""

from __future__ import annotations

from itertools import pairwise

import pytest

from longattncomp_cli.core.text.boundaries import sentence_starts
from longattncomp_cli.core.text.scripts import foreign_terms, pairs_apart, script_shares

SENTENCES = {
    "Hindi": ["नाव किनारे पर है। ", "कौन आया? ", "मछुआरा घर गया॥ ", "अंत"],
    "Hindi, without spaces": ["नाव किनारे पर है।", "मछुआरा घर गया।"],
    "Urdu": ["کشتی کنارے پر ہے۔ ", "کون آیا؟ ", "ختم"],
    "Arabic": ["أين القارب؟ ", "عند المرسى. ", "نعم"],
    "Chinese": ["船在岸边。", "谁来了？", "“没有人！”", "他说。"],
    "Thai": ["เรืออยู่ที่ท่า ", "ชาวประมงกลับบ้าน ", "จบ 12 คน"],
    "Khmer": ["ទូកនៅកំពង់។ ", "ចប់"],
    "Burmese": ["လှေသည်ကမ်းတွင်။", "ပြီး"],
    "Amharic": ["ጀልባው ወደብ ነው። ", "ማን መጣ፧ ", "አበቃ"],
    "Armenian": ["Նավը ափին է։ ", "Վերջ"],
    "Greek": ["Ποιος ήρθε; ", "Κανείς. ", "Τέλος"],
    "Amharic, typed with colons": ["ጀልባው ወደብ ነው:: ", "ማን መጣ? ", "አበቃ"],
    "Amharic, typed with dividers": ["ጀልባው፡ወደብ፡ነው፡፡ ", "ሌላው፡ሄደ፡፡", "አበቃ"],
    "Armenian, typed with colons": ["Նավը ափին է: ", "Գույնը: կապույտ: ", "Վերջ"],
    "Japanese, wide dots": ["船は岸にある．", "３．５メートルです．", "終わり"],
    "Amharic, numbered": ["ጀልባው ወደብ ነው። ", "120. ሌላው ሄደ። ", "121. አበቃ"],
    "Arabic, two marks": ["هل وصل؟! ", "نعم؛ وصل. ", "انتهى"],
    "Hebrew, with marks": ["בראשית ברא אלהים׃ ", "והארץ היתה תהו׃ ", "סוף"],
    "Chinese, narrow marks": ["船在岸边｡", "谁来了?", "没人!", "走。"],
    "Japanese, half width": ["ﾌﾈﾊｷｼﾆｱﾙ｡", "ｵﾜﾘ"],
    "Burmese, with a comma": ["လှေသည်ကမ်းတွင်၊ သူသည်။ ", "ပြီး"],
    "Lao": ["ເຮືອຢູ່ທ່າ ", "ຊາວປະມົງກັບບ້ານ"],
    "Tibetan": ["གྲུ་ནི་འགྲམ་དུ་ཡོད། ", "ཉ་པ་ཁྱིམ་དུ་ལོག། ", "རྫོགས"],
    "Sinhala": ["ඔරුව වෙරළේ ඇත෴ ", "අවසානය"],
    "Javanese": ["ꦥꦿꦲꦸꦲꦤꦺꦁꦥꦶꦁꦒꦶꦂ꧉", "ꦫꦩ꧉ ", "ꦱꦩ"],
    "Mongolian": ["ᠣᠩᠭᠣᠴᠠ ᠡᠷᠭᠢ ᠳᠡᠭᠡᠷᠡ᠃ ", "ᠬᠡᠨ ᠢᠷᠡᠪᠡ᠃ ", "ᠲᠡᠭᠦᠰᠪᠡ"],
    "N'Ko": ["ߞߎߟߎ߲߹ ", "ߖߐ߲߬ ߣߊ߬ ߘߊ߫؟ ", "ߓߊ߲"],
    "Dhivehi": ["ދޯންޏެއް އެބައޮތް. ", "ކާކުތޯ އައީ؟ ", "ނިމުނީ"],
    "Santali": ["ᱱᱟᱣ ᱜᱟᱲᱟ᱾ ", "ᱢᱩᱪᱟᱹᱫ"],
    "Greek, quoted": ["«Ποιος ήρθε;» ", "Κανείς δεν ήρθε. ", "Τέλος"],
    "Greek, composed of several": ["ταύτῃ; ", "που\u0301; ", "τέλος"],
    "Hindi, with a title": ["नाव किनारे पर है। ", "डॉ. वर्मा घर गए। ", "अंत"],
    "Russian, abbreviated": ["Это было в 1990 г. в порту. ", "А. С. Пушкин спал, т. е. молчал. ", "Конец"],
    "German, abbreviated": [
        "Am 3. Mai lag das Boot, z. B. am Ufer. ",
        "„Wer kommt?“ ",
        "Es war Nr. 4 von Dr. Ott. ",
        "Ende",
    ],
    "English, numbered": ["The lamp was mended in 1990. ", "12. The gate was not. ", "13. Nor was the wall."],
    "English": ["It cost 3.50; dear. ", "Who paid? ", "End"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_end_where_a_reader_ends_them(language: str) -> None:
    parts = SENTENCES[language]
    text = "".join(parts)
    edges = [0, *sentence_starts(text).tolist(), len(text)]
    assert [text[a:b] for a, b in pairwise(edges)] == parts


def test_shares_of_scripts() -> None:
    assert script_shares("Boot") == {"Latin": 1.0}
    assert script_shares("12, 3!") == {}
    shares = script_shares("boat " * 30 + "лодка " * 30 + "船 " * 60)
    assert list(shares) == ["Cyrillic", "Latin", "Han"]
    assert sum(shares.values()) == pytest.approx(1)


def test_a_long_text_is_sampled_all_over() -> None:
    text = "boat " * 200_000 + "เรือ " * 200_000
    assert script_shares(text)["Thai"] == pytest.approx(0.4, abs=0.1)


def test_words_of_latin_script_are_no_foreign_terms() -> None:
    assert foreign_terms("Where is the naïve café of 1999?") == []
    assert [term.text for term in foreign_terms("what is a лодка?")] == ["лодк"]


def test_scripts_without_spaces_give_pairs_that_cover_the_run() -> None:
    query = "谁签了合同?"
    terms = foreign_terms(query)
    assert [term.text for term in terms] == ["谁签", "签了", "了合", "合同"]
    assert all(query[term.start : term.end] == term.text for term in terms)
    assert pairs_apart("A船 在岸边b") == "A 船   在岸 岸边 b"


def test_thai_pairs_do_not_cut_clusters() -> None:
    assert [term.text for term in foreign_terms("น้ำที่")] == ["น้ำที่"]


def test_a_letter_of_several_scripts_does_not_hide_those_behind_it() -> None:
    assert set(script_shares("コーヒーはどこですか")) == {"Katakana", "Hiragana"}
    assert set(script_shares("コーヒーの値段")) == {"Katakana", "Hiragana", "Han"}
