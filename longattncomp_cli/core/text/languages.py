"""Languages of Latin script, told by function words: that of a text, and of a question in another.

Function words are half of running text and hardly stand in names, so a question with a foreign title in it
stays what it is. Sure or silent: where the words do not decide, nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter

_WORDS = {
    "English": "the of and to in is are was were be been by for on with as at from that this which "
    "who whom whose what when where why how many much did does do has have had it its he "
    "she his her they their not or an a if there than into about after before between "
    "during under you your we our can could would will should may most other some any all "
    "also but such these those",
    "German": "der die das den dem des ein eine einen einem einer eines und oder ist sind war waren "
    "wird wurde wurden werden hat haben hatte hatten nicht mit von vom zu zum zur für auf "
    "im am an in bei nach aus als wie was wer wen wem wessen wann wo warum wieso weshalb "
    "welche welcher welches welchen welchem wieviel viele auch sich es sie er wir ihr "
    "ihre sein seine kann können nur noch über unter durch zwischen während worin woher "
    "wohin",
    "French": "le la les un une des du de et ou où est sont était étaient été fut a ont avait avec "
    "pour par sur dans en au aux que qu qui quoi quel quelle quels quelles quand comment "
    "pourquoi combien ne pas ce cette ces il elle ils elles son sa ses leur leurs nous "
    "vous plus se lequel laquelle entre après avant",
    "Spanish": "el la los las un una unos unas de del y o es son era eran fue fueron ser ha han "
    "había con por para en a al que qué quién quiénes quien cuál cuáles cual cuándo "
    "cuando dónde donde cómo como cuánto cuántos cuánta cuántas no se su sus lo le les "
    "más este esta estos estas entre sobre desde hasta hay",
    "Italian": "il lo la i gli le un uno una di del dello della dei degli delle e o è sono era erano "
    "fu furono ha hanno aveva con per da dal dalla in nel nella nei sul sulla al alla che "
    "chi cosa quale quali quando dove come perché quanto quanti quante non si suo sua "
    "loro più questo questa tra fra",
    "Portuguese": "o a os as um uma de do da dos das e ou é são era eram foi foram ser tem têm com por "
    "para em no na nos nas ao à que quem qual quais quando onde como quanto quantos "
    "quantas não se seu sua seus mais este esta isso entre sobre pelo pela",
    "Dutch": "de het een en of is zijn was waren werd werden wordt heeft hebben had met van voor "
    "op in aan bij naar uit als om te dat die dit deze wat wie wiens wanneer waar waarom "
    "hoe welke welk hoeveel niet er ook hij zij ze hun haar kan tussen door over onder",
    "Swedish": "en ett den det de och eller är var blev har hade med av för på i till från som att "
    "vad vem vilka vilken vilket när varför hur många mycket inte sig sin sitt han hon "
    "deras kan också mellan efter under",
    "Danish": "en et den det de og eller er var blev har havde med af for på i til fra som at hvad "
    "hvem hvilken hvilke hvilket hvornår hvor hvorfor hvordan mange ikke sig sin han hun "
    "deres kan også mellem efter under",
    "Norwegian": "en et den det de og eller er var ble har hadde med av for på i til fra som å hva "
    "hvem hvilken hvilke hvilket når hvor hvorfor hvordan mange ikke seg sin han hun "
    "deres kan også mellom etter under",
    "Finnish": "on ja tai oli ovat olivat ei se ne hän mikä mitä kuka ketkä milloin missä miksi "
    "miten kuinka monta mihin mistä joka jotka että kun kuin myös mutta sen hänen niiden",
    "Polish": "i w we z ze na do od po za o jest są był była było byli nie się to ten ta te tego co "
    "kto kogo kiedy gdzie dlaczego jak jaki jaka jakie jakiego który która które ile oraz "
    "lub przez dla że jego jej ich",
    "Czech": "a v ve z ze na do od po za o je jsou byl byla bylo byli ne se si to ten ta co kdo "
    "kdy kde proč jak jaký jaká jaké který která které kolik nebo pro že jeho její jejich",
    "Romanian": "și sau este sunt era erau fost a au cu de la din în pe pentru prin care ce cine când "
    "unde cum cât câți câte nu se său sa lor un o unui unei",
    "Hungarian": "a az egy és vagy van volt voltak nem hogy mi ki mit kit mikor hol miért hogyan hány "
    "melyik milyen mennyi is meg ez azt ezt csak",
    "Turkish": "ve veya bir bu şu o ile için gibi de da mi mı mu mü ne kim nerede nasıl neden niçin "
    "kaç hangi değil olarak olan oldu çok daha en zaman kadar",
    "Vietnamese": "là và của có không những các được trong với cho này đó ai gì nào khi đâu tại sao bao "
    "nhiêu một như người đã",
    "Indonesian": "yang dan di ke dari untuk dengan adalah ini itu pada oleh tidak apa siapa kapan mana "
    "mengapa bagaimana berapa akan telah sebuah atau dalam",
}
_LISTS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
FUNCTION_WORDS = frozenset[str]().union(*_LISTS.values())
"""Those of all languages."""
_WORD = re.compile(r"[^\W\d_]+")
_SAMPLES, _SAMPLE_CHARS = 16, 1_000
_LEAST_WORDS = 20
_LEAST_SHARE = 0.12
"""Of a text's words, that must be its language's function words: half as many as prose has."""
_LEAD = 1.5
"""How many times as many as the next language's."""
_LEAST_FOREIGN = 2
# Stand in names: Casa de la Moneda, Mies van der Rohe. Alone they say nothing.
_PARTICLES = frozenset(
    (
        *(
            "a",
            "al",
            "d",
            "da",
            "das",
            "de",
            "del",
            "della",
            "den",
            "der",
            "des",
            "di",
            "die",
            "do",
            "dos",
            "du",
        ),
        *("e", "el", "l", "la", "las", "le", "les", "los", "o", "van", "von", "y"),
    )
)


def language_of(text: str) -> str | None:
    """The language of a text of some length; ``None`` where its function words do not tell.

    A long text is read at 16 places.
    """
    step = max(_SAMPLE_CHARS, -(-len(text) // _SAMPLES))
    words = [word for at in range(0, len(text), step) for word in words_of(text[at : at + _SAMPLE_CHARS])]
    if len(words) < _LEAST_WORDS:
        return None
    counts = Counter(words)
    hits = sorted(
        ((sum(counts[word] for word in known), language) for language, known in _LISTS.items()), reverse=True
    )
    (most, best), (second, _) = hits[:2]
    return best if most >= _LEAST_SHARE * len(words) and most >= _LEAD * second else None


def other_language(query: str, language: str) -> str | None:
    """The language of a question that is not in ``language``; ``None`` where it is, or where it is not sure.

    Only words that the other language alone has count. A word of ``language`` alone speaks against it, and at
    the beginning of the question decides: *Who wrote El amor en los tiempos del cólera?* is English.
    """
    words = words_of(query)
    own = _LISTS[language]
    found = None
    most = _LEAST_FOREIGN - 1
    for other, known in _LISTS.items():
        foreign = [word for word in words if word in known and word not in own]
        against = [word for word in words if word in own and word not in known]
        begins_so = bool(foreign) and words[0] == foreign[0]
        if _PARTICLES.issuperset(foreign):
            continue
        if len(foreign) > most and (len(foreign) > len(against) if begins_so else not against):
            found, most = other, len(foreign)
    return found


def words_of(text: str) -> list[str]:
    """A text's words in lower case, without numbers; an apostrophe ends a word."""
    return [word.lower() for word in _WORD.findall(text)]
