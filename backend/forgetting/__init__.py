"""All that is there of one person, found and removed: subject, models, takes, jobs, logs."""
