"""What to write, decided from what was observed. Pure: values in, values out."""
