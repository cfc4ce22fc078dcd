"""What a suite's results say of tiers and models, and what follows from them. Pure, as all of the core."""
