"""Which model of the price book a name that it does not know may mean. A suggestion for people, never a price."""

from __future__ import annotations

import difflib
import re

from collector.price_book.names import Model, Names

_LEAST_ALIKE = 0.6


def suggest(names: Names, provider: str, name: str) -> Model | None:
    """The model, of `provider` before others, whose name is most like `name` or is part of it; None if none is."""
    asked = re.sub(r"^.*[/:]", "", name.lower())
    known = names.models()
    own = [model for model in known if model.provider == provider]
    for models in (own, known):
        contained = [model for model in models if len(model.model) > 3 and model.model.lower() in asked]
        if contained:
            return max(contained, key=lambda model: len(model.model))
        by_name = {model.model.lower(): model for model in reversed(models)}
        if alike := difflib.get_close_matches(asked, by_name, 1, _LEAST_ALIKE):
            return by_name[alike[0]]
    return None
