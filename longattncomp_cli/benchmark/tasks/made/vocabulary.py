"""Words, numbers and noise for made texts."""

from __future__ import annotations

import random
import uuid

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
"""RULER's noise (arXiv:2404.06654, after the passkey task of arXiv:2305.16300)."""

_ADJECTIVE_LIST = (
    "amber ancient autumn bitter bright broken calm careful cheerful clever cold crimson curious damp dark "
    "distant dusty eager early empty faint fearless fierce foggy fragile frozen gentle gilded golden grand "
    "green hidden hollow honest humble icy idle jolly keen late lively lonely lucky mellow misty modern "
    "muddy narrow nimble noble old pale patient plain polite proud quiet rapid restless rough rustic scarlet "
    "secret shallow sharp shy silent silver simple sleepy slow small snowy solid steep stern still stormy "
    "sturdy subtle sunny sweet swift tall tender thirsty tidy timid vast velvet vivid wandering warm weary "
    "wild windy winter wise wooden young"
)
_NOUN_LIST = (
    "acorn anchor anvil apron arrow badger barley barn basin basket beacon beetle bell bench birch blanket "
    "boat bonfire bottle bramble bridge bronze brook bucket button cabin candle canyon carpet castle cedar "
    "cellar chapel cherry chimney cliff clock cloud clover compass copper coral cottage cradle crane crown "
    "daisy desert dove drum eagle ember engine falcon feather fern ferry fiddle field flute forest fountain "
    "fox gate glacier glove goose granite grove hammer harbor harvest hawk hazel hedge heron hill hinge "
    "honey horizon island ivory jacket kettle ladder lagoon lantern ledger lemon lighthouse lily linen "
    "lizard loom maple marble meadow mill mirror moon mountain needle nest oak ocean orchard otter oven "
    "paddle parrot pebble pepper pigeon pillow pine plough pond quarry quilt rabbit raft raven reed ribbon "
    "river robin rope saddle sail salmon shell shore signal sparrow spoon spring squirrel star stone swan "
    "table teapot thistle thunder tiger timber tower trumpet tulip tunnel turtle valley village violin "
    "walnut weaver well whale wheel willow window wolf yard"
)
_ONSET_LIST = "b br c cl d dr f fl g gr h j k l m n p pl qu r s sk st t tr v w z"
_VOWEL_LIST = "a e i o u ai ea ee oa oo"
_CODA_LIST = "b ck d ft g l ld m mp n nd nt p r rk rn s st t x"
ADJECTIVES, NOUNS = _ADJECTIVE_LIST.split(), _NOUN_LIST.split()
_ONSETS = _ONSET_LIST.split()
_VOWELS = _VOWEL_LIST.split()
_CODAS = _CODA_LIST.split()


def key(rng: random.Random) -> str:
    """A word that names a needle, such as ``misty-lantern``."""
    return f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}"


def number(rng: random.Random) -> str:
    """A number of seven digits."""
    return str(rng.randrange(10**6, 10**7))


def identifier(rng: random.Random) -> str:
    """A version 4 UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def vocabulary(rng: random.Random, count: int) -> list[str]:
    """Different words that sound like English and are none in particular."""
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = rng.choice((1, 2, 2))
        made = "".join(
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables)
        )
        words[made] = None
    return list(words)


def coded_word(rng: random.Random) -> str:
    """A word of six random letters, as RULER's fwe has them."""
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6))
