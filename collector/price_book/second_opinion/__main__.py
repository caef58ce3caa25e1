"""`python -m collector.price_book.second_opinion` writes review.csv again; `--check` compares it.

A decision is written into the columns `state` and `reason` of the file, and is kept while the numbers stay the same.
Where theirs is right, an entry in corrections.toml ends the disagreement.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

from collector.price_book.release import release_rows
from collector.price_book.second_opinion.compare import decided, disagreements, faults, from_csv, to_csv
from collector.price_book.second_opinion.opinion import load_collections


def main(arguments: list[str]) -> int:
    """Write the list, or with `--check` compare it; 0 when it is current and every decision has its reason."""
    path = Path(str(resources.files("collector.price_book"))) / "review.csv"
    text = path.read_text("utf-8") if path.exists() else ""
    review = decided(disagreements(release_rows(), load_collections()), from_csv(text))
    problems = list(faults(review))
    if arguments != ["--check"]:
        path.write_text(to_csv(review), "utf-8")
        sys.stdout.write(f"{sum(one.state == 'open' for one in review)} of {len(review)} disagreements are open\n")
    elif to_csv(review) != text:
        problems.append(
            "not current: run python -m collector.price_book.second_opinion and decide what is open in it,"
            " ours or theirs, with the reason; where theirs is right, correct the seed in corrections.toml"
        )
    for problem in problems:
        sys.stderr.write(f"collector/price_book/review.csv: {problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
