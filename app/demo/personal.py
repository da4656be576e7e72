"""Invented personal data for the sample: valid by form and checksum, nobody's."""

import random
import string
from dataclasses import dataclass

from stdnum import luhn
from stdnum.cn import ric


@dataclass(frozen=True, slots=True)
class Secret:
    """A piece of personal data as it was written, and under which field a phrase asks for it."""

    field: str
    written: str


_AREAS = ("110101", "310104", "440305", "330106", "510107", "420111")  # counties of today since 1991
_PLATES = "京沪粤浙川鄂苏"
_WORDS = ("river", "maple", "tiger", "cloud", "amber", "panda", "stone", "coral")


def invent(field: str, chance: random.Random) -> Secret:
    """A piece of personal data for a phrase's field: phone, phone_en, identity, card, email, wechat, plate, ip, url."""
    return Secret(field, _MAKERS[field](chance))


def _phone(chance: random.Random) -> str:
    digits = "1" + chance.choice("3578") + _digits(chance, 9)
    form = chance.choice(("{}{}{}", "{} {} {}", "{}-{}-{}", "+86 {}{}{}"))
    return form.format(digits[:3], digits[3:7], digits[7:])


def _phone_en(chance: random.Random) -> str:
    area = chance.choice(("212", "415", "617", "312"))
    return f"({area}) {chance.randint(200, 999)}-{_digits(chance, 4)}"


def _identity(chance: random.Random) -> str:
    born = f"{chance.randint(1991, 2004)}{chance.randint(1, 12):02}{chance.randint(1, 28):02}"
    head = chance.choice(_AREAS) + born + _digits(chance, 3)
    return head + str(ric.calc_check_digit(head + "0"))  # it passes over the last character


def _card(chance: random.Random) -> str:
    head = chance.choice(("622202", "621661", "411111", "552233")) + _digits(chance, 9)
    number = head + luhn.calc_check_digit(head)
    return number if chance.random() < 0.5 else " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _email(chance: random.Random) -> str:
    name, domain = f"{chance.choice(_WORDS)}.{chance.choice(_WORDS)}", chance.choice(("com", "net", "org"))
    return f"{name}{chance.randint(1, 999)}@example.{domain}"


def _wechat(chance: random.Random) -> str:
    return f"{chance.choice(_WORDS)}_{_digits(chance, 5)}"


def _plate(chance: random.Random) -> str:
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    return f"{chance.choice(_PLATES)}{chance.choice(letters)}{chance.choice(letters)}{_digits(chance, 4)}"


def _ip(chance: random.Random) -> str:
    network = chance.choice((23, 58, 81, 113, 182, 203))  # none of those that stay within a house
    return ".".join(map(str, (network, *(chance.randint(11, 223) for _ in range(3)))))


def _url(chance: random.Random) -> str:
    token = "".join(chance.choice(string.ascii_letters + string.digits) for _ in range(24))
    return f"https://share.example.com/v/{chance.randint(100, 999)}?token={token}"


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice(string.digits) for _ in range(count))


_MAKERS = {
    "phone": _phone,
    "phone_en": _phone_en,
    "identity": _identity,
    "card": _card,
    "email": _email,
    "wechat": _wechat,
    "plate": _plate,
    "ip": _ip,
    "url": _url,
}
