from decimal import ROUND_HALF_UP, Decimal


def fare(adults, children, bikes, returning=False):
    if min(adults, children, bikes) < 0:
        raise ValueError("nobody travels less than not at all")
    people = adults * Decimal("4.20") + children * Decimal("2.15")
    if adults + children >= 10:
        people *= Decimal("0.875")
    total = people + (bikes - bikes // 3) * Decimal("1.35")
    if returning:
        total = max(2 * total - 1, Decimal(0))
    return total.quantize(Decimal("0.01"), ROUND_HALF_UP)
