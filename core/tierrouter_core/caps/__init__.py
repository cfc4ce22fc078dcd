"""What may be spent, and on which tiers: budgets and the share of the expensive ones, as turns come. Pure."""
