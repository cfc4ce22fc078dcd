"""What routing saves where it is given from outside which prompts need the expensive tier."""
