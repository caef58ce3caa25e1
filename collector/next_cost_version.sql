-- One row = a number that no cost version has, not even one that is only reserved or was never enacted.
SELECT greatest((SELECT max(number) FROM cost_versions), (SELECT max(cost_version) FROM effective_prices)) + 1
