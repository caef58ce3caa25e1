"""The columns of a FOCUS file: those that every data set has, and those whose condition holds for calls to models.

The conditions that hold: usage is measured, unit prices are published and negotiated, there are regions and tags.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from store.sql import Query, load

VERSIONS: Final = ("1.2", "1.3", "1.4")
USUAL: Final = "1.3"


class Column(NamedTuple):
    """A column, its FOCUS data type, and the versions that have it."""

    name: str
    kind: str
    since: str = "1.2"
    until: str = "1.4"


# Rows are sorted by all columns in this order.
COLUMNS: Final = (
    Column("BillingPeriodStart", "Date/Time"),
    Column("BillingPeriodEnd", "Date/Time"),
    Column("ChargePeriodStart", "Date/Time"),
    Column("ChargePeriodEnd", "Date/Time"),
    Column("ChargeCategory", "String"),
    Column("ChargeClass", "String"),
    Column("ChargeFrequency", "String"),
    Column("ServiceCategory", "String"),
    Column("ServiceSubcategory", "String"),
    Column("ServiceName", "String"),
    Column("ServiceProviderName", "String", since="1.3"),
    Column("HostProviderName", "String", since="1.3"),
    Column("ProviderName", "String", until="1.3"),
    Column("PublisherName", "String", until="1.3"),
    Column("InvoiceIssuerName", "String"),
    Column("BillingAccountId", "String"),
    Column("BillingAccountName", "String"),
    Column("InvoiceId", "String"),
    Column("RegionId", "String"),
    Column("RegionName", "String"),
    Column("SkuId", "String"),
    Column("SkuPriceId", "String"),
    Column("SkuMeter", "String"),
    Column("SkuPriceDetails", "JSON"),
    Column("ChargeDescription", "String"),
    Column("Tags", "JSON"),
    Column("PricingCategory", "String"),
    Column("ConsumedQuantity", "Decimal"),
    Column("ConsumedUnit", "String"),
    Column("PricingQuantity", "Decimal"),
    Column("PricingUnit", "String"),
    Column("ListUnitPrice", "Decimal"),
    Column("ListCost", "Decimal"),
    Column("ContractedUnitPrice", "Decimal"),
    Column("ContractedCost", "Decimal"),
    Column("EffectiveCost", "Decimal"),
    Column("BilledCost", "Decimal"),
    Column("BillingCurrency", "String"),
    Column("PricingCurrency", "String"),
    Column("PricingCurrencyListUnitPrice", "Decimal"),
    Column("PricingCurrencyContractedUnitPrice", "Decimal"),
    Column("PricingCurrencyEffectiveCost", "Decimal"),
    # Always empty: rules about ConsumedQuantity speak of it.
    Column("CommitmentDiscountStatus", "String"),
    Column("x_CostStatus", "String"),
    Column("x_CostVersion", "Integer"),
    Column("x_ListPriceStatus", "String"),
    Column("x_PriceSource", "String"),
    Column("x_Operation", "String"),
    Column("x_Host", "String"),
)
_TOTALS: Final = "count() AS rows, " + ", ".join(
    f"sum({name}) AS {name}" for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
)
_EVERYTHING: Final = "SELECT *\n"


def columns_of(version: str) -> tuple[Column, ...]:
    """The columns of a file of this FOCUS version, in their order. Raises ValueError for an unknown version."""
    if version not in VERSIONS:
        raise ValueError(f"there is no FOCUS version {version} here: use {', '.join(VERSIONS)}")
    return tuple(column for column in COLUMNS if column.since <= version <= column.until)


def rows_of(version: str) -> Query:
    """The statement whose result is a file of this FOCUS version. Raises ValueError for an unknown version."""
    return _selecting(", ".join(column.name for column in columns_of(version)))


def totals() -> Query:
    """The statement whose one row has the number of rows and the sums of the costs of a file."""
    return _selecting(_TOTALS)


def _selecting(what: str) -> Query:
    rows = load("server.focus", "rows")
    return replace(rows, text=rows.text.replace(_EVERYTHING, f"SELECT {what}\n", 1))
