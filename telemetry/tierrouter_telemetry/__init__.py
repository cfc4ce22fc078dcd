"""What every process of ours says of itself, and how."""
