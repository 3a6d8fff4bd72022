"""What is on disk: whole writes, marks of what kgan wrote, and locks."""
