"""The job store: nothing is submitted twice and nothing finished is lost."""
