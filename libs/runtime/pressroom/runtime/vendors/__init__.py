"""What two services share of one vendor's API, and what vendors' answers have in common."""
