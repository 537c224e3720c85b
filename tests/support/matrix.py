"""All pairs of a matrix's values, in few cases; and all cases of it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

Case = dict[str, object]
Factors = Mapping[str, Sequence[object]]


def every_case(factors: Factors) -> Iterator[Case]:
    """Each combination of the factors' values."""
    for values in product(*factors.values()):
        yield dict(zip(factors, values, strict=True))


def pairwise(cases: Sequence[Case]) -> list[Case]:
    """Few of the cases in which each pair of two factors' values occurs that occurs in any."""
    missing = {pair for case in cases for pair in _pairs(case)}
    chosen = []
    while missing:
        best = max(cases, key=lambda case: len(missing & _pairs(case)))
        chosen.append(best)
        missing -= _pairs(best)
    return chosen


def _pairs(case: Case) -> set[frozenset[tuple[str, object]]]:
    return set(map(frozenset, combinations(case.items(), 2)))
