"""The alerts program: rules over the store, a state machine per alert, and channels that carry the news."""
