"""Simulated tables of 30 columns from four families of distribution, what happens to them, and who notices."""

import numpy as np

from perennial_analysis.check import check
from perennial_analysis.columns import numbers
from perennial_analysis.constraints import suggest
from perennial_analysis.statistics import profile

COLUMNS = 30
FAMILIES = ("normal", "lognormal", "uniform", "counts")


def draw(chance, size, wobble=0.0):
    """Values by column name. With a wobble, place and scale of each column differ by that share of its deviation, as
    they do from hour to hour."""
    drawn = {}
    for place in range(COLUMNS):
        family = FAMILIES[place % 4]
        moved, scale = wobble * chance.normal(), 1 + wobble * chance.normal()
        if family == "counts":
            values = chance.poisson(4 + 2 * moved, size).astype(float)
        elif family == "uniform":
            values = 0.5 + scale * (chance.random(size) - 0.5) + moved / 12**0.5
        else:
            values = moved + scale * chance.normal(size=size)
        drawn[f"{family}_{place}"] = np.exp(0.75 * values) if family == "lognormal" else values
    return drawn


def table(drawn):
    return {
        name: numbers(name, values, "Integral" if name.startswith("counts") else "Fractional")
        for name, values in drawn.items()
    }


def baseline(size=100_000, seed=1):
    statistics = profile(table(draw(np.random.default_rng(seed), size)))
    return statistics, suggest(statistics)


def report(drawn, given):
    statistics, constraints = given
    return check(profile(table(drawn), statistics), constraints, statistics)


def shifted(name, values, chance):
    """By a quarter of a standard deviation; counts stay whole."""
    if name.startswith("counts"):
        return values + (chance.random(len(values)) < 0.25 * values.std())
    return values + 0.25 * values.std()


def scaled(name, values, chance):
    """By a quarter around the mean; counts stay whole."""
    found = values.mean() + 1.25 * (values - values.mean())
    return found.round() if name.startswith("counts") else found


def sentinel(name, values, chance):
    """One in twenty values is -999."""
    return np.where(chance.random(len(values)) < 0.05, -999.0, values)


def false_alarm_rate(size, tables, given, wobble=0.0, seed=2):
    """The share of unchanged windows with an alarm in any of their columns."""
    chance = np.random.default_rng([seed, size])
    return sum(bool(report(draw(chance, size, wobble), given).violations) for _ in range(tables)) / tables


def power(size, tables, given, change, seed=3):
    """The share of changed columns that are said to have drifted; all columns of a window change."""
    chance = np.random.default_rng([seed, size])
    found = 0
    for _ in range(tables):
        drawn = {name: change(name, values, chance) for name, values in draw(chance, size).items()}
        found += len(set(report(drawn, given).drifted_features))
    return found / (tables * COLUMNS)
