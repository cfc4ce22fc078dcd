"""What tuning holds and saves on benchmarks whose truth is known, and how long it takes."""
