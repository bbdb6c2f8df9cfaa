"""Movie records in, feature tables out: the steps, in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from features.engineering.batch import is_frame
from features.engineering.declarations import by_family
from features.engineering.engines import default_engine, engine_named
from features.engineering.families import default_features
from features.engineering.feature import TYPE_NAMES, Feature
from features.engineering.fitting import FittedState, fit
from features.engineering.movies import Movies
from features.engineering.values import date, is_missing
from features.errors import ConfigError, NotFoundError
from features.frames import Frame, backend_of

__all__ = ["AdvancedTMDBPreProcessor", "default_features"]

OnInvalid = Literal["raise", "reject"]


class AdvancedTMDBPreProcessor:
    """Validates movies, fits the few global figures, and computes feature tables on pandas or polars.

    Args:
        movies: a list of dicts, ``Movies``, or any dataframe that speaks Arrow (a polars LazyFrame is
            collected).
        backend: "pandas" or "polars": the engine, and the frames returned. None: a dataframe's own, else what
            ``FEATURES_BACKEND`` names; where that is unset or "pyarrow", pandas if installed, else polars.
        as_of: the day that counts as today, a date or "YYYY-MM-DD". None: the given state's, else today's in
            UTC.
        state: a ``FittedState`` to transform with; None fits on these movies.
        on_invalid: "raise" refuses an input with any bad record, "reject" sets bad records apart in
            ``rejected``.
        features: the features to compute; None is ``default_features()``.

    Raises:
        InvalidMoviesError: records were refused and ``on_invalid`` is "raise", or the input is not movies at
            all.
        InvalidFeatureError: a feature contradicts another or itself.
        ConfigError: an argument is outside what it may be.
        MissingExtraError: the backend's library is not installed.

    Example:
        A feature of one's own is one declaration (see ``Feature``) beside the catalogue's:
        ``AdvancedTMDBPreProcessor(movies, features=[*default_features(), my_feature])``.

        >>> from features.engineering.movies import sample_movies
        >>> processor = AdvancedTMDBPreProcessor(sample_movies(3), backend="polars")
        >>> list(processor.extract_all_features())
        ['basic', 'temporal', 'statistical', 'text', 'interaction']
    """

    def __init__(
        self,
        movies: Movies | Iterable[Mapping[str, Any]] | Frame,
        *,
        backend: str | None = None,
        as_of: dt.date | str | None = None,
        state: FittedState | None = None,
        on_invalid: OnInvalid = "raise",
        features: Sequence[Feature] | None = None,
    ) -> None:
        if on_invalid not in ("raise", "reject"):
            message = f"on_invalid is {on_invalid!r}; it must be 'raise' or 'reject'"
            raise ConfigError(message, field="on_invalid", value=on_invalid)
        if state is not None and not isinstance(state, FittedState):
            raise ConfigError(f"state is {type(state).__name__}; it must be a FittedState", field="state", value=state)
        if features is not None and not isinstance(features, Iterable):
            message = f"features is {type(features).__name__}; give a list: features=[my_feature]"
            raise ConfigError(message, field="features", value=features)
        self._engine = engine_named(backend or _backend_for(movies))
        self._families = by_family(default_features() if features is None else list(features), self._engine)
        self._as_of = _day(as_of)
        self._given_state = state
        self._movies = _typed(movies)
        if on_invalid == "raise":
            self._movies.check_accepted()

    @cached_property
    def state(self) -> FittedState:
        """The state that features are computed with: the given one, or the one fitted on these movies."""
        if self._given_state is None:
            return fit(self._movies.columns, self._as_of or dt.datetime.now(dt.UTC).date())
        return self._given_state if self._as_of is None else replace(self._given_state, as_of=self._as_of)

    @property
    def rejected(self) -> Frame:
        """The refused records: row, movie_id, field, reason, and the record as JSON. Empty when none."""
        return self._engine.frame(self._movies.rejected)

    def extract_all_features(self) -> dict[str, Frame]:
        """Every feature table by family, each with ``movie_id`` first and one row per accepted movie in input
        order.

        Raises:
            InvalidFeatureError: a feature builds something other than what it declares.
        """
        return self.extract(*self._families)

    def extract(self, *families: str) -> dict[str, Frame]:
        """The feature tables of these families, computing no others.

        Raises:
            NotFoundError: no such family.
            ConfigError: a family is not named by text, as where all are given in one list.
            InvalidFeatureError: a feature builds something other than what it declares.
        """
        for family in families:
            if not isinstance(family, str):
                message = f"a family is {type(family).__name__}; name families one by one: extract('basic', 'text')"
                raise ConfigError(message, field="families", value=family)
            if family not in self._families:
                raise NotFoundError.of("family", family, "the processor's features", self._families)
        wanted = {family: self._families[family] for family in families}
        return self._engine.transform(self._movies.columns, wanted, self.state)

    def describe(self) -> Frame:
        """One row per feature: family, feature, dtype, nullable, description."""
        features = [feature for family in self._families.values() for feature in family]
        return self._engine.frame(
            pa.table(
                {
                    "family": pa.array([feature.family for feature in features], pa.large_string()),
                    "feature": pa.array([feature.name for feature in features], pa.large_string()),
                    "dtype": pa.array([TYPE_NAMES[feature.dtype] for feature in features], pa.large_string()),
                    "nullable": pa.array([feature.nullable for feature in features], pa.bool_()),
                    "description": pa.array([feature.description for feature in features], pa.large_string()),
                }
            )
        )


def _backend_for(movies: object) -> str:
    """The backend of a dataframe that has an engine, else the default of engines."""
    own = backend_of(movies)
    return own if own in ("pandas", "polars") else default_engine()


def _typed(movies: Any) -> Movies:
    if isinstance(movies, Movies):
        return movies
    return Movies.from_frame(movies) if is_frame(movies) else Movies.from_records(movies)


def _day(as_of: object) -> dt.date | None:
    day = None if is_missing(as_of) else date(as_of, from_csv=False)  # pandas' NaT passes for a datetime
    if day is None and as_of is not None:
        message = f"as_of is {as_of!r}; it must be a date or 'YYYY-MM-DD'"
        raise ConfigError(message, field="as_of", value=as_of)
    return day
