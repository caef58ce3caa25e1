"""Texts for tests of drift: bank customers' questions, and questions about cooking that nobody asks a bank."""

from __future__ import annotations

from itertools import product
from pathlib import Path

BANKING = Path(__file__).with_name("analyzers").joinpath("samples", "banking77.txt").read_text("utf-8").splitlines()

_FOOD = ("salmon", "pumpkin", "lamb", "risotto", "lentils", "aubergine", "dumplings", "brisket", "mushrooms", "trout")
_ASKED = (
    "How long should I roast {} in the oven?",
    "Which herbs and spices go well with {}?",
    "Can you suggest a creamy soup recipe with {}?",
    "What temperature is right for grilling {}?",
    "How do I keep {} from going soggy in the pan?",
    "Is {} better steamed, fried or baked for dinner?",
    "Please write a shopping list for {} with garlic butter.",
    "What sauce would a chef serve with {}?",
    "How much salt and pepper do I need to season {}?",
    "Could I marinate {} overnight in yoghurt and lemon?",
)
COOKING = [asked.format(food) for food, asked in product(_FOOD, _ASKED)]
