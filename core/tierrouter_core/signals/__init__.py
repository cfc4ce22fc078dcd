"""What a conversation says of the task in hand: counted once as it comes, for the rules to judge by. Pure."""
