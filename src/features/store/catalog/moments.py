"""Moments as the catalog keeps them: microseconds since 1970, UTC, exact in both directions."""

from __future__ import annotations

from datetime import UTC, datetime

_MICROSECOND = 1_000_000


def microseconds(moment: datetime) -> int:
    """An aware datetime as the catalog keeps it."""
    since = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400 * _MICROSECOND + since.seconds * _MICROSECOND + since.microseconds


def moment(stored: int) -> datetime:
    """What ``microseconds`` was given, in UTC."""
    return datetime.fromtimestamp(stored // _MICROSECOND, UTC).replace(microsecond=stored % _MICROSECOND)
