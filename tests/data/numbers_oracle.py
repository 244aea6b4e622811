#!/usr/bin/env python3
"""Writes tests/data/numbers-oracle.tsv: numbers as people type them, and what Google's library makes of them.

The oracle is the Python port of libphonenumber with the same tables as the Rust port in Cargo.toml:

    pip install phonenumbers==9.0.42
    python3 tests/data/numbers_oracle.py

A line is text, region, and E.164 or `-`: tab between. Accepted is what is possible, is more than a local
number, and has no extension. The seed is fixed, so the same tables give the same file.

Numbers come from ranges kept for films and examples where the country has such (GB, US, DE, FR);
elsewhere they are made around 555 01, or of random digits, and are anybody's or nobody's.
"""

import pathlib
import random

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

ORACLE = "9.0.42"
SEED = 20260901
COUNT = 21_000

random.seed(SEED)


def digits(count):
    return "".join(random.choice("0123456789") for _ in range(count))


def of(*choices):
    """A national number without trunk prefix: `#` is any digit."""
    return "".join(digits(1) if c == "#" else c for c in random.choice(choices))


NATIONAL = {
    "TR": lambda: of("53255501##", "54255501##", "50555501##", "21255501##", "31255501##", "23255501##",
                     "850555####", "80055501##", "444####", "##########", "5########", "21255501###"),
    "GB": lambda: of("2079460###", "1134960###", "1632960###", "7700900###", "8081570###", "9098790###",
                     "##########", "1632960##", "20794601"),
    "DE": lambda: of("3023125###", "4066969###", "8999998###", "1719120####"[:10], "15228817###", "69900#####",
                     "2#######", "3########", "1#########", "########"),
    "FR": lambda: of("1990000##", "261910###", "353010###", "465710###", "639980###", "1990012##", "#########", "80000000#"),
    "NL": lambda: of("20555####", "612345###", "70######8", "#########", "800####", "900####", "########"),
    "US": lambda: of("21255501##", "20255501##", "80055501##", "##########", "55501##"),
    "AE": lambda: of("50#######", "4#######", "2#######", "800######", "600######", "########", "5#######"),
    "AZ": lambda: of("50#######", "12#######", "55#######", "#########", "########"),
    "IT": lambda: of("06########", "3#########", "02#######", "#########"),
    "ES": lambda: of("6########", "9########", "#########"),
    "RU": lambda: of("9#########", "495#######", "##########"),
    "UA": lambda: of("50#######", "44#######", "#########"),
    "GR": lambda: of("21########", "69########"),
    "CH": lambda: of("79#######", "44#######"),
    "AT": lambda: of("1#######", "664#######", "316######"),
    "BE": lambda: of("2#######", "47#######"),
    "DK": lambda: of("########"),
    "SG": lambda: of("8#######", "6#######"),
    "IN": lambda: of("98########", "22########"),
    "BR": lambda: of("119########", "21########"),
    "HU": lambda: of("1#######", "20#######"),
    "SA": lambda: of("5########", "11#######"),
    "CY": lambda: of("9#######", "2#######"),
    "BG": lambda: of("88#######", "2#######"),
}
FIRST = ["TR"] * 6 + ["GB"] * 3 + ["DE", "FR", "NL", "US", "AE", "AZ"] * 2
OTHERS = [region for region in NATIONAL if region not in FIRST]
TRUNK = {"US": "1", "IT": "", "ES": "", "RU": "8", "GR": "", "DK": "", "SG": "", "CY": "", "HU": "06"}
IDD = {"US": "011", "RU": "810", "SG": "000", "BR": "0015"}
NBSP, NARROW, THIN, WIDE_SPACE = "\u00a0", "\u202f", "\u2009", "\u3000"


def spaced(text):
    """Some of the places between digits hold a separator, as each person has a habit."""
    sign = random.choice([" ", " ", " ", "-", ".", NBSP, NARROW, THIN, WIDE_SPACE, "\u2013", "\u2011", " - ", "  ", "/"])
    group, out = random.choice([2, 3, 3, 4]), []
    start = random.choice([0, 0, 1, 2])
    for i, c in enumerate(text):
        if i > start and (i - start) % group == 0:
            out.append(sign)
        out.append(c)
    return "".join(out)


def bracketed(text):
    cut = random.choice([2, 3, 3, 4])
    return f"({text[:cut]}){random.choice(['', ' ', '-', NBSP])}{spaced(text[cut:])}"


def full_width(text):
    return "".join(chr(ord(c) - 0x30 + 0xFF10) if c.isdigit() else c for c in text).replace("+", "\uff0b")


def oddity(text, national, trunk):
    """What is rare, and where a rule of ours may differ from the oracle's."""
    arabic = "".join(chr(ord(c) - 0x30 + 0x0660) if c.isdigit() else c for c in text)
    return random.choice([
        text + random.choice([" dahili 12", " dah. 5", " DAHİLİ 101", " D: 12", " DW 12", " poste 3", " toestel 4"]),
        text + random.choice([" Ali", " Ali Bey", " cep", " fax", " Büro", " (Muhasebe)", " office"]),
        random.choice(["Ali ", "Cep: ", "Büro ", "Fax "]) + text,
        trunk + national[:3] + random.choice([" FLOWERS", "-TAXI", " GO FEDEX"]),
        "+444" + digits(4),
        "tel:" + text,
        text + ";phone-context=+90",
        text + " " * 60 + "1",
        text + " - 12",
        arabic,
        text.replace("0", "O", 1),
        random.choice(["anonymous", "unknown", "private"]),
    ])


def written(region):
    """One number of `region` as somebody writes it; `home` is where it is read."""
    national = NATIONAL[region]()
    code = str(phonenumbers.country_code_for_region(region))
    trunk = TRUNK.get(region, "0")
    home = region if random.random() < 0.75 else random.choice(FIRST)
    idd = IDD.get(home, "00")
    body = random.choice([str, str, spaced, spaced, bracketed])(national)
    form = random.randrange(100)
    if form < 24:
        text = trunk + random.choice(["", "", " ", "-"]) + body
    elif form < 34:
        text = body
    elif form < 52:
        text = "+" + code + random.choice(["", " ", "-", NBSP]) + body
    elif form < 62:
        text = idd + random.choice(["", " "]) + code + random.choice(["", " "]) + body
    elif form < 70:
        text = code + random.choice(["", " "]) + body
    elif form < 78:
        text = random.choice(["+", idd, "00"]) + code + random.choice([" (0) ", "(0)", " (0)"]) + body
    elif form < 82:
        text = "(" + trunk + national[:3] + ") " + spaced(national[3:])
    elif form < 85:
        text = "(+" + code + ") " + body
    elif form < 88:
        text = "+" + code + trunk + body
    elif form < 91:
        text = random.choice(["+", ""]) + national[: random.choice([2, 3, 4, 5, 6])]
    elif form < 94:
        text = random.choice(["+" + code, trunk]) + national + digits(random.choice([1, 2, 3, 4, 6]))
    elif form < 96:
        text = random.choice(["+ ", "++", "00 ", "+00", "0", "000"]) + code + body
    elif form < 98:
        text = trunk + body + random.choice([" x12", " ext. 12", "x1", " ext 101", "#12", ";ext=12", " int 4"])
    else:
        text = random.choice(["Tel: ", "Tel.", "T ", "~", "\u200e", "'", "GSM "]) + trunk + body
    if random.random() < 0.04:
        text = oddity(text, national, trunk)
    if random.random() < 0.04:
        text = full_width(text)
    if random.random() < 0.04:
        text = random.choice([" ", NBSP, ""]) + text + random.choice([" ", ".", NBSP, " ev", " (ev)", "-"])
    return text, home


def expected(text, region):
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return "-"
    if number.extension or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return "-"
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def main():
    if phonenumbers.__version__ != ORACLE:
        raise SystemExit(f"needs phonenumbers=={ORACLE}, this is {phonenumbers.__version__}")
    rows, seen = [], set()
    while len(rows) < COUNT:
        row = written(random.choice(FIRST) if random.random() < 0.85 else random.choice(OTHERS))
        if row not in seen:
            seen.add(row)
            rows.append((*row, expected(*row)))
    path = pathlib.Path(__file__).with_name("numbers-oracle.tsv")
    head = f"# Made by numbers_oracle.py with phonenumbers {ORACLE}: text, region, E.164 or -\n"
    body = "".join("\t".join(row) + "\n" for row in rows)
    path.write_text(head + body, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
