"""A second opinion on the seed: where other collections of prices disagree with it, and who is right."""
