"""Of the fake model, in nano-dollars for a million tokens."""

INPUT_NANO = 150_000_000
OUTPUT_NANO = 600_000_000
