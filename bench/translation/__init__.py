"""What translating a turn costs, against passing it through."""
