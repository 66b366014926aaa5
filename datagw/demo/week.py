"""A week of made-up measurements: nested folders, names that have broken other programs, an empty day, one big file."""

from __future__ import annotations

import math
import os
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

BIG = 30_000_000  # bytes
BIG_NAME = "camera/sky at noon.raw"
LATE_NAME = "late/sent in by hand.csv"
EMPTY_DAY = 4  # the fifth of the week has a folder without files
BIG_DAY = 2
RATES = ("CHF", "CZK", "DKK", "GBP", "NOK", "PLN", "SEK", "USD")

ODD_NAMES: tuple[bytes, ...] = (
    b"with spaces.csv",
    b" leading and trailing ",
    b'it\'s "quoted".csv',
    b"$(touch pwned).csv",
    b"`touch pwned`; touch pwned",
    b"two\nlines.csv",
    b"-rf",
    b"caf\xe9 in Latin-1.csv",
    "Überprüfung 漢字 🛰.csv".encode(),
    b"back\\slash and *?[stars].csv",
    b".hidden",
    b"empty.csv",
)


def week_before(now: datetime) -> list[date]:
    """Seven days that are over whatever the time of the day."""
    return [now.date() - timedelta(days=back) for back in range(8, 1, -1)]


def make_week(folder: Path, days: list[date]) -> None:
    """One folder a day, `%Y%m%d`; the same days have the same content each time, and times within their day."""
    for number, day in enumerate(days):
        place = os.fsencode(folder / day.strftime("%Y%m%d"))
        os.makedirs(place)
        if number == EMPTY_DAY:
            continue
        for sensor in ("temperature", "pressure"):
            for hour in range(24):
                _write(place, f"{sensor}/{hour:02d}.csv".encode(), _measured(day, sensor, hour), day, hour)
        for hour, name in enumerate(ODD_NAMES):
            _write(place, b"odd names/" + name, b"" if name == b"empty.csv" else _measured(day, "odd", hour), day, hour)
        if number == BIG_DAY:
            _write(place, BIG_NAME.encode(), random.Random(day.toordinal()).randbytes(BIG), day, 12)


def make_late_file(folder: Path, day: date) -> None:
    """A file that comes into a day long after that was published."""
    _write(os.fsencode(folder / day.strftime("%Y%m%d")), LATE_NAME.encode(), _measured(day, "late", 23), day, 23)


def rates(number: int) -> bytes:
    """The content of the mirrored file, as it is published for the `number`th time."""
    noise = random.Random(f"rates {number}")
    return ("currency,rate\n" + "".join(f"{code},{noise.uniform(0.5, 2):.4f}\n" for code in RATES)).encode()


def _write(day_folder: bytes, name: bytes, content: bytes, day: date, hour: int) -> None:
    path = os.path.join(day_folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
    when = datetime(day.year, day.month, day.day, hour, 59, tzinfo=UTC).timestamp()
    os.utime(path, (when, when))


def _measured(day: date, sensor: str, hour: int) -> bytes:
    noise = random.Random(f"{day} {sensor} {hour}")
    lines = [f"time,{sensor}"]
    for second in range(0, 3600, 10):
        value = 15 + 8 * math.sin((hour * 3600 + second) / 86400 * math.tau) + noise.gauss(0, 0.2)
        lines.append(f"{day}T{hour:02d}:{second // 60:02d}:{second % 60:02d}Z,{value:.2f}")
    return ("\n".join(lines) + "\n").encode()
